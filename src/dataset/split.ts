/**
 * Who is trained on, validated on, tested on. Groups stay whole. Random groups are dealt out first and then moved and swapped while that
 * brings the classes' shares nearer to the wished ones; everything is a pure function of the seed and the groups' names.
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
  const columns = (group: string): number[] => {
    const count = counts.get(group) ?? []
    return stratify ? count : [count.reduce((a, b) => a + b, 0)]
  }
  const dealt = improve(order.map(columns), deal(order.length, shares), shares)
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

/** Rounds of moves and swaps; each is a full pass, and a pass without a better state ends it. */
const mostPasses = 20

/**
 * Lowers sum over splits and columns of ((images - wished) / all images of the column)², plus a tenth of the same for the number of groups,
 * which keeps the splits from being made of a few large patients.
 */
function improve(columns: readonly (readonly number[])[], initial: readonly SplitName[], shares: Shares): SplitName[] {
  const splits = [...initial]
  const wished: Record<SplitName, number> = { train: 1 - shares.test - shares.validation, validation: shares.validation, test: shares.test }
  const rows = columns.map((counts) => [...counts, 1])
  const width = rows[0]?.length ?? 0
  const totals = Array.from({ length: width }, (_, column) => rows.reduce((sum, row) => sum + (row[column] ?? 0), 0))
  const held: Record<SplitName, number[]> = { train: [], validation: [], test: [] }
  for (const name of splitNames)
    held[name] = totals.map((_, column) => rows.reduce((sum, row, index) => sum + (splits[index] === name ? (row[column] ?? 0) : 0), 0))

  const cost = (name: SplitName, change: readonly number[], sign: number): number =>
    held[name].reduce((sum, value, column) => {
      const total = totals[column] ?? 0
      if (total === 0) return sum
      const far = (value + sign * (change[column] ?? 0)) / total - wished[name]
      return sum + far * far * (column === width - 1 ? 0.1 : 1)
    }, 0)
  const groupsIn = (name: SplitName): number => held[name][width - 1] ?? 0
  /** How much cheaper it gets when `change` goes from one split to the other. */
  const gain = (from: SplitName, to: SplitName, change: readonly number[]): number =>
    cost(from, change, 0) + cost(to, change, 0) - cost(from, change, -1) - cost(to, change, 1)
  const shift = (from: SplitName, to: SplitName, change: readonly number[]): void => {
    held[from] = held[from].map((value, column) => value - (change[column] ?? 0))
    held[to] = held[to].map((value, column) => value + (change[column] ?? 0))
  }

  for (let pass = 0; pass < mostPasses; pass++) {
    let isBetter = false
    for (const [index, row] of rows.entries()) {
      for (const to of splitNames) {
        const from = splits[index] ?? 'train'
        if (to === from || wished[to] === 0 || groupsIn(from) === 1 || gain(from, to, row) <= 1e-12) continue
        shift(from, to, row)
        splits[index] = to
        isBetter = true
      }
      for (let other = index + 1; other < rows.length; other++) {
        const [from, to] = [splits[index] ?? 'train', splits[other] ?? 'train']
        if (from === to) continue
        const difference = row.map((value, column) => value - (rows[other]?.[column] ?? 0))
        if (gain(from, to, difference) <= 1e-12) continue
        shift(from, to, difference)
        splits[index] = to
        splits[other] = from
        isBetter = true
      }
    }
    if (!isBetter) break
  }
  return splits
}
