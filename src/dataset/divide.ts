/**
 * Groups on sides of wished sizes. They are moved and swapped while that brings the sides nearer to the wished shares; what is lowered is the
 * sum, over sides s and columns c, of
 *
 *     weight[c] · (count[s][c] / total[c] - share[s])²   + 1 for each class c that s wants and lacks
 *
 * where the columns are the classes (weight 1 if stratified), all images (weight 1 if not), and the groups themselves (weight 0.1, so that
 * no side is made of a few large patients).
 */
import { permutation, type Key } from '../random/philox.ts'

export interface Grouped {
  readonly group: string
  readonly class: number
}

export interface Wishes {
  /** Of each side; they add up to 1. A side without a share gets nothing. */
  readonly shares: readonly number[]
  /** Weighs every class, else only the number of images counts. */
  readonly stratify: boolean
}

/**
 * The side of each sample, from 0. Groups are put in a random order, dealt out as `deal` says for so many, and moved from there: a pure function
 * of the key and the groups' names and counts.
 */
export function divideGroups(
  samples: readonly Grouped[],
  classes: number,
  key: Key,
  deal: (count: number) => readonly number[],
  wishes: Wishes,
): number[] {
  const counts = new Map<string, number[]>()
  for (const sample of samples) {
    const count = counts.get(sample.group) ?? new Array<number>(classes).fill(0)
    count[sample.class] = (count[sample.class] ?? 0) + 1
    counts.set(sample.group, count)
  }
  const names = [...counts.keys()].sort()
  const order = [...permutation(key, names.length)].map((index) => names[index] ?? '')
  const columns = order.map((group): number[] => {
    const count = counts.get(group) ?? []
    return [...count, count.reduce((a, b) => a + b, 0), 1]
  })
  const sides = improve(columns, classes, deal(order.length), wishes)
  const sideOf = new Map(order.map((group, index) => [group, sides[index] ?? 0]))
  return samples.map(({ group }) => sideOf.get(group) ?? 0)
}

/** The group as columns: its images of each class, all of them, itself. */
type Columns = readonly number[]

const groupWeight = 0.1

/** Rounds of moves and swaps; a round without a better state is the last. */
const mostRounds = 20

/** Pairs of groups that are looked at, about a second's worth: among thousands of groups the first few swaps do it. */
const mostPairs = 2_000_000

/** A state as good as this is good enough: every share is met to a tenth of a per cent. */
const goodEnough = 1e-6

/** The side of each group; `initial` is where they begin. A side that has a group keeps one. */
function improve(groups: readonly Columns[], classes: number, initial: readonly number[], { shares, stratify }: Wishes): number[] {
  const sideOf = [...initial]
  const sides = [...shares.keys()]
  const weights = [...new Array<number>(classes).fill(stratify ? 1 : 0), stratify ? 0 : 1, groupWeight]
  const totals = weights.map((_, column) => groups.reduce((sum, counts) => sum + (counts[column] ?? 0), 0))
  const held = sides.map((side) =>
    weights.map((_, column) => groups.reduce((sum, counts, index) => sum + (sideOf[index] === side ? (counts[column] ?? 0) : 0), 0)),
  )
  const heldBy = (side: number): readonly number[] => held[side] ?? []
  const shareOf = (side: number): number => shares[side] ?? 0

  /** What a side costs when `sign` times `change` is added to it. */
  const cost = (side: number, change: Columns, sign: number): number =>
    heldBy(side).reduce((sum, value, column) => {
      const total = totals[column] ?? 0
      const count = value + sign * (change[column] ?? 0)
      if (total === 0) return sum
      const lacks = column < classes && count === 0 && shareOf(side) > 0 ? 1 : 0
      return sum + (weights[column] ?? 0) * (count / total - shareOf(side)) ** 2 + lacks
    }, 0)
  /** How much cheaper it gets when `change` goes from one side to the other. */
  const gain = (from: number, to: number, change: Columns): number =>
    cost(from, change, 0) + cost(to, change, 0) - cost(from, change, -1) - cost(to, change, 1)
  const isGood = (): boolean => sides.reduce((sum, side) => sum + cost(side, [], 0), 0) < goodEnough

  /** Whether moving `change` from one side to the other was worth it, and is done. */
  const tryShift = (from: number, to: number, change: Columns): boolean => {
    if (from === to || gain(from, to, change) <= 1e-12) return false
    held[from] = heldBy(from).map((value, column) => value - (change[column] ?? 0))
    held[to] = heldBy(to).map((value, column) => value + (change[column] ?? 0))
    return true
  }

  let pairs = 0
  for (let round = 0; round < mostRounds; round++) {
    let isBetter = false
    for (const [index, counts] of groups.entries())
      for (const to of sides) {
        const from = sideOf[index] ?? 0
        if (shareOf(to) === 0 || heldBy(from).at(-1) === 1 || !tryShift(from, to, counts)) continue
        sideOf[index] = to
        isBetter = true
        if (isGood()) return sideOf
      }
    for (const [index, counts] of groups.entries())
      for (let other = index + 1; other < groups.length; other++) {
        const [from, to] = [sideOf[index] ?? 0, sideOf[other] ?? 0]
        if (from === to) continue
        if (++pairs > mostPairs) return sideOf
        const difference = counts.map((value, column) => value - (groups[other]?.[column] ?? 0))
        if (!tryShift(from, to, difference)) continue
        sideOf[index] = to
        sideOf[other] = from
        isBetter = true
        if (isGood()) return sideOf
      }
    if (!isBetter) break
  }
  return sideOf
}
