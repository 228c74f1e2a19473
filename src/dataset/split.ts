/**
 * Who is trained on, validated on, tested on. Groups stay whole. Groups in a random order are dealt out first and then moved and swapped
 * while that brings the sides nearer to the wished shares; everything is a pure function of the seed and the groups' names and counts.
 *
 * What is lowered is the sum, over sides s and columns c, of
 *
 *     weight[c] · (count[s][c] / total[c] - share[s])²   + 1 for each class c that s wants and lacks
 *
 * where the columns are the classes (weight 1 if stratified), all images (weight 1 if not), and the groups themselves (weight 0.1, so that
 * no side is made of a few large patients).
 */
import { keyOf, permutation } from '../random/philox.ts'
import { splitNames, type SplitName } from './manifest.ts'

export interface Shares {
  readonly test: number
  readonly validation: number
}

export interface Grouped {
  readonly group: string
  readonly class: number
}

/** One split for each sample. `stratify` weighs every class, else only the number of images counts. */
export function splitByGroup(samples: readonly Grouped[], classes: number, shares: Shares, seed: number, stratify: boolean): SplitName[] {
  const counts = new Map<string, number[]>()
  for (const sample of samples) {
    const count = counts.get(sample.group) ?? new Array<number>(classes).fill(0)
    count[sample.class] = (count[sample.class] ?? 0) + 1
    counts.set(sample.group, count)
  }
  const names = [...counts.keys()].sort()
  const order = [...permutation(keyOf(seed, 'split'), names.length)].map((index) => names[index] ?? '')
  const columns = order.map((group): number[] => {
    const count = counts.get(group) ?? []
    return [...count, count.reduce((a, b) => a + b, 0), 1]
  })
  const weights = [...new Array<number>(classes).fill(stratify ? 1 : 0), stratify ? 0 : 1, groupWeight]
  const dealt = improve(columns, weights, deal(order.length, shares), shares)
  const splitOf = new Map(order.map((group, index) => [group, dealt[index] ?? 'train']))
  return samples.map(({ group }) => splitOf.get(group) ?? 'train')
}

/** Each image for itself: every class is shuffled and cut, so that the shares are exact to an image. */
export function splitByImage(samples: readonly Grouped[], classes: number, shares: Shares, seed: number, stratify: boolean): SplitName[] {
  const splits = new Array<SplitName>(samples.length).fill('train')
  for (let index = 0; index < (stratify ? classes : 1); index++) {
    const members = samples.flatMap((sample, row) => (!stratify || sample.class === index ? [row] : []))
    const cuts = deal(members.length, shares)
    for (const [position, member] of permutation(keyOf(seed, 'split', index), members.length).entries())
      splits[members[member] ?? 0] = cuts[position] ?? 'train'
  }
  return splits
}

/** The first of a random order to test, the next to validation, the rest to train; at least one where a share was asked for. */
function deal(count: number, shares: Shares): SplitName[] {
  const size = (share: number): number => (share === 0 ? 0 : Math.min(count, Math.max(1, Math.round(share * count))))
  const test = size(shares.test)
  const validation = size(shares.validation)
  return Array.from({ length: count }, (_, index) => (index < test ? 'test' : index < test + validation ? 'validation' : 'train'))
}

const groupWeight = 0.1

/** Rounds of moves and swaps; a round without a better state is the last. */
const mostRounds = 20

/** Pairs of groups that are looked at, about a second's worth: among thousands of groups the first few swaps do it. */
const mostPairs = 2_000_000

/** A state as good as this is good enough: every share is met to a tenth of a per cent. */
const goodEnough = 1e-6

/** `columns` are the counts of each group: its classes, its images, itself. */
function improve(
  columns: readonly (readonly number[])[],
  weights: readonly number[],
  initial: readonly SplitName[],
  shares: Shares,
): SplitName[] {
  const splits = [...initial]
  const wished: Record<SplitName, number> = { train: 1 - shares.test - shares.validation, validation: shares.validation, test: shares.test }
  const totals = weights.map((_, column) => columns.reduce((sum, counts) => sum + (counts[column] ?? 0), 0))
  const [classes, groupColumn] = [weights.length - 2, weights.length - 1]
  const held: Record<SplitName, number[]> = { train: [], validation: [], test: [] }
  for (const name of splitNames)
    held[name] = weights.map((_, column) =>
      columns.reduce((sum, counts, index) => sum + (splits[index] === name ? (counts[column] ?? 0) : 0), 0),
    )

  /** What a side costs when `sign` times `change` is added to it. */
  const cost = (name: SplitName, change: readonly number[], sign: number): number =>
    held[name].reduce((sum, value, column) => {
      const total = totals[column] ?? 0
      const count = value + sign * (change[column] ?? 0)
      if (total === 0) return sum
      const lacks = column < classes && count === 0 && wished[name] > 0 ? 1 : 0
      return sum + (weights[column] ?? 0) * (count / total - wished[name]) ** 2 + lacks
    }, 0)
  /** How much cheaper it gets when `change` goes from one side to the other. */
  const gain = (from: SplitName, to: SplitName, change: readonly number[]): number =>
    cost(from, change, 0) + cost(to, change, 0) - cost(from, change, -1) - cost(to, change, 1)
  const shift = (from: SplitName, to: SplitName, change: readonly number[]): void => {
    held[from] = held[from].map((value, column) => value - (change[column] ?? 0))
    held[to] = held[to].map((value, column) => value + (change[column] ?? 0))
  }
  const isGood = (): boolean => splitNames.reduce((sum, name) => sum + cost(name, [], 0), 0) < goodEnough

  /** Whether moving `change` from one side to the other was worth it, and is done. */
  const tryShift = (from: SplitName, to: SplitName, change: readonly number[]): boolean => {
    if (from === to || gain(from, to, change) <= 1e-12) return false
    shift(from, to, change)
    return true
  }

  let pairs = 0
  for (let round = 0; round < mostRounds; round++) {
    let isBetter = false
    for (const [index, counts] of columns.entries())
      for (const to of splitNames) {
        const from = splits[index] ?? 'train'
        if (wished[to] === 0 || held[from][groupColumn] === 1 || !tryShift(from, to, counts)) continue
        splits[index] = to
        isBetter = true
        if (isGood()) return splits
      }
    for (const [index, counts] of columns.entries())
      for (let other = index + 1; other < columns.length; other++) {
        const [from, to] = [splits[index] ?? 'train', splits[other] ?? 'train']
        if (from === to) continue
        if (++pairs > mostPairs) return splits
        const difference = counts.map((value, column) => value - (columns[other]?.[column] ?? 0))
        if (!tryShift(from, to, difference)) continue
        splits[index] = to
        splits[other] = from
        isBetter = true
        if (isGood()) return splits
      }
    if (!isBetter) break
  }
  return splits
}
