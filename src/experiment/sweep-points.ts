/** The points of a sweep: each the experiment's tree with other values in it, which keep the places where the sweep says them. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { keyOf, uniform } from '../random/philox.ts'
import { rootSchema } from './json-schema.ts'
import { mergeTrees } from './merge.ts'
import { setPath } from './overrides.ts'
import { axisName, sweepAxes, valueName, valueNameAmong, type Axis, type WrittenSweep } from './sweep-axes.ts'
import { combinationsOf, type Combination, type PlacedAxis } from './sweep-combinations.ts'
import { childOf, plainTree, plainValue, treeAt } from './tree.ts'
import type { MapTree, Tree } from './tree.ts'

export interface SweepPoint {
  /** What parts it from the others, such as `before-pooling batchSize=32 seed=3`. */
  readonly name: string
  /** The name without fold and seed: the same for all repeats. */
  readonly group: string
  readonly seed: number
  /** From 1; null where there are no folds. */
  readonly fold: number | null
  /** The values as text, by the names of the axes that are there. */
  readonly axes: Readonly<Record<string, string>>
  /** A whole experiment without `sweep`. */
  readonly tree: MapTree
}

/**
 * `sweep` is the tree's own, with its defaults. Every first seed comes before every second, and of a seed every first fold: what is done early
 * says something of all.
 */
export function sweepPoints(whole: MapTree, sweep: WrittenSweep, diagnostics: Diagnostic[]): SweepPoint[] {
  const base = withoutSweep(whole)
  const firstSeed = numberAt(base, ['seed'], 0)
  const combinations = combinationsOf(placedAxes(whole, sweep, firstSeed))
  return repeatsOf(whole, sweep, firstSeed).flatMap((repeat, index) =>
    combinations.map((combination): SweepPoint => {
      // A fault of an axis is the same at every repeat.
      const faults = index === 0 ? diagnostics : []
      const tree = repeat.apply(applyValues(base, whole, combination, faults), faults)
      const group = groupName(combination)
      const axes = Object.fromEntries(combination.map((one) => [one.axis.name, textOf(one)]))
      const { seed, fold, name } = repeat
      return { name: `${group} ${name}`.trim(), group, seed, fold, axes, tree }
    }),
  )
}

/** What is done again with every combination. */
interface Repeat {
  readonly seed: number
  readonly fold: number | null
  /** Empty where there is only one. */
  readonly name: string
  readonly apply: (tree: MapTree, diagnostics: Diagnostic[]) => MapTree
}

function repeatsOf(whole: MapTree, { repeats, folds }: WrittenSweep, firstSeed: number): Repeat[] {
  const numbers = folds === null ? [null] : Array.from({ length: folds }, (_, index) => index + 1)
  const place = treeAt(whole, ['sweep', 'folds'])?.place ?? whole.place
  return Array.from({ length: repeats }, (_, index) => firstSeed + index).flatMap((seed) =>
    numbers.map((fold): Repeat => {
      const names = [...(fold === null ? [] : [`fold=${fold}`]), ...(repeats === 1 ? [] : [`seed=${seed}`])]
      const apply: Repeat['apply'] = (tree, diagnostics) => {
        const seeded = repeats === 1 ? tree : atSeed(tree, firstSeed, seed, diagnostics)
        if (folds === null || !isDrawn(seeded)) return seeded
        const divided = setPath(seeded, ['split', 'folds'], plainTree(folds, place), diagnostics)
        return setPath(divided, ['split', 'fold'], plainTree(fold, place), diagnostics)
      }
      return { seed, fold, name: names.join(' '), apply }
    }),
  )
}

function withoutSweep(tree: MapTree): MapTree {
  return { ...tree, entries: new Map([...tree.entries].filter(([key]) => key !== 'sweep')) }
}

/** Lists under `zip` go together, and so do the values of one draw. */
function placedAxes(whole: MapTree, sweep: WrittenSweep, seed: number): PlacedAxis[] {
  const axes = sweepAxes(sweep)
  return axes.map((axis, index) => {
    const goesWith = axes.findIndex(({ section }) => section === axis.section && (section === 'zip' || section === 'random'))
    return {
      ...axis,
      name: axisName(axis.path, axes),
      trees: valuesOf(axis, whole, sweep, seed),
      dimension: goesWith < 0 ? index : goesWith,
    }
  })
}

function valuesOf({ section, path, at, values }: Axis, whole: MapTree, { random }: WrittenSweep, seed: number): readonly Tree[] {
  const written = treeAt(whole, at)
  if (!written) return []
  if (section === 'variants') return (values ?? []).map((name) => plainTree(name, written.place))
  if (section !== 'random') return itemsOf(written.kind === 'map' ? childOf(written, 'values')?.value : written)
  return Array.from({ length: random?.draws ?? 0 }, (_, draw) => drawFrom(written, uniform(keyOf(seed, 'sweep', path), draw)))
}

/** Four digits: names and parameters that a person can read. */
function drawFrom(from: Tree, share: number): Tree {
  const choices = itemsOf(childOf(from, 'choice')?.value)
  if (choices.length > 0) return choices[Math.floor(share * choices.length)] ?? from
  const even = itemsOf(childOf(from, 'uniform')?.value).map(plainValue).map(Number)
  const [low = 0, high = 0] = even.length > 0 ? even : itemsOf(childOf(from, 'logUniform')?.value).map(plainValue).map(Number)
  const value = even.length > 0 ? low + (high - low) * share : low * (high / low) ** share
  return plainTree(Number(value.toPrecision(4)), from.place)
}

function applyValues(base: MapTree, whole: MapTree, combination: Combination, diagnostics: Diagnostic[]): MapTree {
  return combination.reduce((tree, { axis, value }) => {
    if (axis.section !== 'variants') return setPath(tree, axis.path.split('.'), value, diagnostics)
    const part = treeAt(whole, [...axis.at, valueName(plainValue(value))])
    const merged = part && mergeTrees(tree, part, rootSchema)
    return merged?.kind === 'map' ? merged : tree
  }, base)
}

function groupName(combination: Combination): string {
  return combination.map((one) => (one.axis.section === 'variants' ? textOf(one) : `${one.axis.name}=${textOf(one)}`)).join(' ')
}

function textOf({ axis, value }: Combination[number]): string {
  return valueNameAmong(plainValue(value), axis.trees.map(plainValue))
}

/** Another seed for everything but the split: points are compared on the same images. */
function atSeed(tree: MapTree, first: number, seed: number, diagnostics: Diagnostic[]): MapTree {
  const takesSeed = isDrawn(tree) && treeAt(tree, ['split', 'seed']) === undefined
  const drawn = takesSeed ? setPath(tree, ['split', 'seed'], plainTree(first, tree.place), diagnostics) : tree
  return setPath(drawn, ['seed'], plainTree(seed, tree.place), diagnostics)
}

function isDrawn(tree: MapTree): boolean {
  return treeAt(tree, ['split', 'by']) !== undefined
}

function itemsOf(tree: Tree | undefined): readonly Tree[] {
  return tree?.kind === 'list' ? tree.items : []
}

function numberAt(tree: Tree, path: readonly string[], otherwise: number): number {
  const value = treeAt(tree, path)
  return value?.kind === 'scalar' && typeof value.value === 'number' ? value.value : otherwise
}
