/** The points of a sweep: each the experiment's tree with other values in it, which keep the places where the sweep says them. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { keyOf, uniform } from '../random/philox.ts'
import { rootSchema } from './json-schema.ts'
import { mergeTrees } from './merge.ts'
import { setPath } from './overrides.ts'
import { childOf, plainTree, plainValue, treeAt } from './tree.ts'
import type { MapTree, Tree } from './tree.ts'

export interface SweepPoint {
  /** What parts it from the others, such as `before-pooling batchSize=32 seed=3`. */
  readonly name: string
  /** The name without the seed: the same for all repeats. */
  readonly group: string
  readonly seed: number
  /** The values as text, by the axes' names. */
  readonly axes: Readonly<Record<string, string>>
  /** A whole experiment without `sweep`. */
  readonly tree: MapTree
}

/** One value of one axis, or of several that go together. */
interface Choice {
  readonly axes: Readonly<Record<string, string>>
  readonly apply: (tree: MapTree, diagnostics: Diagnostic[]) => MapTree
}

/** The tree's `sweep` is one that the schema accepts. Every first seed comes before every second: what is done early says something of all. */
export function sweepPoints(whole: MapTree, diagnostics: Diagnostic[]): SweepPoint[] {
  const sweep = treeAt(whole, ['sweep'])
  if (sweep?.kind !== 'map') return []
  const base = withoutSweep(whole)
  const firstSeed = numberAt(base, ['seed'], 0)
  const named = axisNames([...keysOf(sweep, 'axes'), ...keysOf(sweep, 'zip'), ...keysOf(childOf(sweep, 'random')?.value, 'axes')])
  const dimensions = [variantsOf(sweep), ...axesOf(sweep, named), zippedOf(sweep, named), drawnOf(sweep, firstSeed, named)]
  const combinations = dimensions.filter((choices) => choices.length > 0).reduce<Choice[][]>(everyWithEvery, [[]])
  const repeats = numberAt(sweep, ['repeats'], 1)
  const seeds = Array.from({ length: repeats }, (_, index) => firstSeed + index)
  return seeds.flatMap((seed) =>
    combinations.map((choices): SweepPoint => {
      const axes = Object.assign({}, ...choices.map((choice) => choice.axes)) as Record<string, string>
      const group = Object.entries(axes)
        .map(([name, value]) => (name === 'variant' ? value : `${name}=${value}`))
        .join(' ')
      // A fault of an axis is the same at every seed.
      const faults = seed === firstSeed ? diagnostics : []
      const tree = choices.reduce((current, { apply }) => apply(current, faults), base)
      const name = repeats === 1 ? group : `${group} seed=${seed}`.trim()
      return { name, group, seed, axes, tree: repeats === 1 ? tree : atSeed(tree, firstSeed, seed, faults) }
    }),
  )
}

function withoutSweep(tree: MapTree): MapTree {
  return { ...tree, entries: new Map([...tree.entries].filter(([key]) => key !== 'sweep')) }
}

function everyWithEvery(combinations: readonly Choice[][], choices: readonly Choice[]): Choice[][] {
  return combinations.flatMap((chosen) => choices.map((choice) => [...chosen, choice]))
}

function variantsOf(sweep: MapTree): Choice[] {
  return entriesOf(childOf(sweep, 'variants')?.value).map(([name, part]) => ({
    axes: { variant: name },
    apply: (tree) => {
      const merged = mergeTrees(tree, part, rootSchema)
      return merged.kind === 'map' ? merged : tree
    },
  }))
}

function axesOf(sweep: MapTree, named: Names): Choice[][] {
  return entriesOf(childOf(sweep, 'axes')?.value).map(([path, values]) => itemsOf(values).map((value) => setting(path, value, named)))
}

function zippedOf(sweep: MapTree, named: Names): Choice[] {
  const lists = entriesOf(childOf(sweep, 'zip')?.value).map(([path, values]) => itemsOf(values).map((value) => setting(path, value, named)))
  return (lists[0] ?? []).map((_, index) => together(lists.flatMap((list) => list[index] ?? [])))
}

function drawnOf(sweep: MapTree, seed: number, named: Names): Choice[] {
  const random = childOf(sweep, 'random')?.value
  if (random?.kind !== 'map') return []
  return Array.from({ length: numberAt(random, ['draws'], 0) }, (_, draw) =>
    together(
      entriesOf(childOf(random, 'axes')?.value).map(([path, from]) =>
        setting(path, drawFrom(from, uniform(keyOf(seed, 'sweep', path), draw)), named),
      ),
    ),
  )
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

function setting(path: string, value: Tree, named: Names): Choice {
  return {
    axes: { [named(path)]: textOf(value) },
    apply: (tree, diagnostics) => setPath(tree, path.split('.'), value, diagnostics),
  }
}

function together(choices: readonly Choice[]): Choice {
  return {
    axes: Object.assign({}, ...choices.map(({ axes }) => axes)) as Record<string, string>,
    apply: (tree, diagnostics) => choices.reduce((current, { apply }) => apply(current, diagnostics), tree),
  }
}

/** Another seed for everything but the split: points are compared on the same images. */
function atSeed(tree: MapTree, first: number, seed: number, diagnostics: Diagnostic[]): MapTree {
  const isDrawn = treeAt(tree, ['split', 'by']) !== undefined && treeAt(tree, ['split', 'seed']) === undefined
  const drawn = isDrawn ? setPath(tree, ['split', 'seed'], plainTree(first, tree.place), diagnostics) : tree
  return setPath(drawn, ['seed'], plainTree(seed, tree.place), diagnostics)
}

/** What a value is called in names: a word, a number, the one key of a map, or JSON. */
function textOf(tree: Tree): string {
  const value = plainValue(tree)
  if (typeof value !== 'object' || value === null) return String(value)
  const keys = Object.keys(value)
  return keys.length === 1 && !Array.isArray(value) ? (keys[0] ?? '') : JSON.stringify(value)
}

type Names = (path: string) => string

/** The shortest ends of the paths that are no two paths' end. */
function axisNames(paths: readonly string[]): Names {
  return (path) => {
    const parts = path.split('.')
    const lengths = parts.map((_, index) => index + 1)
    const ends = lengths.map((length) => parts.slice(-length).join('.'))
    return ends.find((end) => paths.filter((other) => other === end || other.endsWith(`.${end}`)).length <= 1) ?? path
  }
}

function keysOf(tree: Tree | undefined, key: string): string[] {
  return entriesOf(tree && childOf(tree, key)?.value).map(([name]) => name)
}

function entriesOf(tree: Tree | undefined): [string, Tree][] {
  return tree?.kind === 'map' ? [...tree.entries].map(([key, { value }]) => [key, value]) : []
}

function itemsOf(tree: Tree | undefined): readonly Tree[] {
  return tree?.kind === 'list' ? tree.items : []
}

function numberAt(tree: Tree, path: readonly string[], otherwise: number): number {
  const value = treeAt(tree, path)
  return value?.kind === 'scalar' && typeof value.value === 'number' ? value.value : otherwise
}
