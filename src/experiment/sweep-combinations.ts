/** Which values of which axes meet at the points of a sweep: every one with every other, of those whose conditions hold. */
import { inOrderOfConditions, isThere, type Axis } from './sweep-axes.ts'
import { plainValue, type Tree } from './tree.ts'

export interface PlacedAxis extends Axis {
  /** In names. */
  readonly name: string
  /** Its values, by the place that is chosen in its dimension. */
  readonly trees: readonly Tree[]
  /** Axes of one dimension go together: one place is chosen for all of them. */
  readonly dimension: number
}

/** The axes that are there, in their order, each with its value. */
export type Combination = readonly { readonly axis: PlacedAxis; readonly value: Tree }[]

/** Conditions may name axes in any order. In the order of the dimensions; a dimension none of whose axes is there multiplies nothing. */
export function combinationsOf(axes: readonly PlacedAxis[]): Combination[] {
  const all = inOrderOfConditions(axes).reduce<Chosen[]>(
    (before, axis) => before.flatMap((chosen) => withAxis(axis, axes, chosen)),
    [{ places: new Map(), there: new Set() }],
  )
  const byIdentity = new Map<string, Chosen>()
  for (const chosen of all.sort(byPlaces(axes))) {
    const identity = identityOf(chosen, axes)
    if (!byIdentity.has(identity)) byIdentity.set(identity, chosen)
  }
  return [...byIdentity.values()].map((chosen) =>
    axes.flatMap((axis) => {
      const value = valueAt(axis, chosen)
      return value ? [{ axis, value }] : []
    }),
  )
}

interface Chosen {
  /** By dimension; absent where none of its axes is there. */
  readonly places: ReadonlyMap<number, number>
  readonly there: ReadonlySet<PlacedAxis>
}

/** Undefined where the axis is not there. */
function valueAt(axis: PlacedAxis, { places, there }: Chosen): Tree | undefined {
  return there.has(axis) ? axis.trees[places.get(axis.dimension) ?? -1] : undefined
}

function withAxis(axis: PlacedAxis, axes: readonly PlacedAxis[], chosen: Chosen): Chosen[] {
  const valueOf = (other: PlacedAxis): unknown => {
    const tree = valueAt(other, chosen)
    return tree && plainValue(tree)
  }
  if (!isThere(axis, axes, valueOf)) return [chosen]
  const { dimension, trees } = axis
  const there = new Set([...chosen.there, axis])
  if (chosen.places.has(dimension)) return [{ ...chosen, there }]
  return trees.map((_, place) => ({ places: new Map([...chosen.places, [dimension, place]]), there }))
}

function byPlaces(axes: readonly PlacedAxis[]): (a: Chosen, b: Chosen) => number {
  const dimensions = [...new Set(axes.map(({ dimension }) => dimension))]
  const placeIn = ({ places }: Chosen, dimension: number): number => places.get(dimension) ?? -1
  return (a, b) => dimensions.map((dimension) => placeIn(a, dimension) - placeIn(b, dimension)).find((difference) => difference !== 0) ?? 0
}

/** Places of axes that go together are one where they differ only in what is not there. */
function identityOf(chosen: Chosen, axes: readonly PlacedAxis[]): string {
  const parts = [...chosen.places].map(([dimension, place]) => {
    const own = axes.filter((axis) => axis.dimension === dimension)
    if (own.every((axis) => chosen.there.has(axis))) return [dimension, place]
    const values = own.map((axis) => valueAt(axis, chosen))
    return [dimension, values.map((value) => value && [plainValue(value)])]
  })
  return JSON.stringify(parts)
}
