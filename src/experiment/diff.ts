/** Two experiments held against each other by what they mean: defaults filled in, short forms written out, layers matched by what they are. */
import { parse } from 'yaml'
import type { Experiment } from './experiment.ts'
import { schemaAt } from './json-schema.ts'
import { resolvedYaml } from './resolved-yaml.ts'

export interface ValueChange {
  /** As `--set` takes it. */
  readonly path: string
  /** Undefined where the experiment has no such value. */
  readonly before: unknown
  readonly after: unknown
}

export interface LayerChange {
  readonly change: 'added' | 'removed' | 'changed'
  /** The name that it has, or had: `dropout_2`. */
  readonly name: string
  /** Of a changed one the options that differ, of the others those that are not the defaults. */
  readonly options: readonly ValueChange[]
}

export interface ExperimentDiff {
  /** Everything but the stack. */
  readonly values: readonly ValueChange[]
  /** In the order of the stacks. */
  readonly layers: readonly LayerChange[]
}

export function diffExperiments(before: Experiment, after: Experiment): ExperimentDiff {
  const [a, b] = [plain(before), plain(after)]
  return { values: diffValues(a.rest, b.rest), layers: diffLayers(a.layers, b.layers) }
}

interface NamedLayer {
  readonly name: string
  readonly kind: string
  readonly options: Readonly<Record<string, unknown>>
}

/** The form of `resolved.yaml`, which has one way to say each thing. */
function plain(experiment: Experiment): { readonly rest: object; readonly layers: readonly NamedLayer[] } {
  const { model, ...rest } = parse(resolvedYaml(experiment)) as { model: { layers: Readonly<Record<string, object>>[] } }
  const layers = experiment.model.layers.map(({ name, kind }, index) => ({ name, kind, options: { ...model.layers[index]?.[kind] } }))
  return { rest, layers }
}

function diffValues(before: object, after: object): ValueChange[] {
  const [a, b] = [new Map(leaves('', before)), new Map(leaves('', after))]
  // A path that only the second has stands where the second has it.
  const paths = [...new Set([...a.keys(), ...b.keys()])].sort((left, right) => sectionOf(left, a, b) - sectionOf(right, a, b))
  return paths.flatMap((path) =>
    JSON.stringify(a.get(path)) === JSON.stringify(b.get(path)) ? [] : [{ path, before: a.get(path), after: b.get(path) }],
  )
}

/** The order of the file's sections. */
function sectionOf(path: string, ...maps: readonly ReadonlyMap<string, unknown>[]): number {
  const section = (key: string): string => key.split('.')[0] ?? ''
  const sections = [...new Set(maps.flatMap((map) => [...map.keys()].map(section)))]
  return sections.indexOf(section(path))
}

/** Lists are values; maps in lists are not told apart. */
function leaves(path: string, value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]]
  return Object.entries(value).flatMap(([key, child]) => leaves(path === '' ? key : `${path}.${key}`, child))
}

/** What the longest common run of layers leaves over; a layer that goes where one of its kind comes is a changed one. */
function diffLayers(before: readonly NamedLayer[], after: readonly NamedLayer[]): LayerChange[] {
  const changes: LayerChange[] = []
  let [i, j] = [0, 0]
  for (const [nextI, nextJ] of [...commonRun(before, after), [before.length, after.length] as const]) {
    changes.push(...pairUp(before.slice(i, nextI), after.slice(j, nextJ)))
    ;[i, j] = [nextI + 1, nextJ + 1]
  }
  return changes
}

function pairUp(removed: readonly NamedLayer[], added: readonly NamedLayer[]): LayerChange[] {
  const rest = [...added]
  const changes = removed.map((layer): LayerChange => {
    const index = rest.findIndex(({ kind }) => kind === layer.kind)
    const [partner] = index < 0 ? [] : rest.splice(index, 1)
    if (partner) return { change: 'changed', name: layer.name, options: diffValues(layer.options, partner.options) }
    return { change: 'removed', name: layer.name, options: diffValues(ownOptions(layer), {}) }
  })
  return [...changes, ...rest.map((layer) => ({ change: 'added' as const, name: layer.name, options: diffValues({}, ownOptions(layer)) }))]
}

/** Without what the kind's defaults say anyway; a number for both sides of a window is written as two. */
function ownOptions({ kind, options }: NamedLayer): object {
  const isDefault = (key: string, value: unknown): boolean => {
    const standard = schemaAt(['model', 'layers', '0', kind, key])?.default
    const isPair = typeof standard === 'number' && Array.isArray(value)
    return JSON.stringify(isPair ? [standard, standard] : standard) === JSON.stringify(value)
  }
  return Object.fromEntries(Object.entries(options).filter(([key, value]) => !isDefault(key, value)))
}

/** Indices of the longest common subsequence of equal layers. */
function commonRun(before: readonly NamedLayer[], after: readonly NamedLayer[]): (readonly [number, number])[] {
  const text = ({ kind, options }: NamedLayer): string => JSON.stringify([kind, options])
  const [a, b] = [before.map(text), after.map(text)]
  /** lengths[i][j]: of the longest common subsequence of a from i and b from j. */
  const lengths = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0))
  const lengthAt = (i: number, j: number): number => lengths[i]?.[j] ?? 0
  for (let i = a.length - 1; i >= 0; i--) {
    const row = lengths[i] ?? []
    for (let j = b.length - 1; j >= 0; j--)
      row[j] = a[i] === b[j] ? lengthAt(i + 1, j + 1) + 1 : Math.max(lengthAt(i + 1, j), lengthAt(i, j + 1))
  }
  const run: (readonly [number, number])[] = []
  for (let [i, j] = [0, 0]; i < a.length && j < b.length;) {
    if (a[i] === b[j]) run.push([i++, j++])
    else if (lengthAt(i + 1, j) >= lengthAt(i, j + 1)) i++
    else j++
  }
  return run
}
