/** Who is trained on, validated on, tested on. Groups stay whole, unless every image is for itself. */
import { keyOf, permutation } from '../random/philox.ts'
import { divideGroups, type Grouped } from './divide.ts'
import { splitNames, type SplitName } from './manifest.ts'

export interface Shares {
  readonly test: number
  readonly validation: number
}

/** One split for each sample. `stratify` weighs every class, else only the number of images counts. */
export function splitByGroup(samples: readonly Grouped[], classes: number, shares: Shares, seed: number, stratify: boolean): SplitName[] {
  const wished = splitNames.map((name) => (name === 'train' ? 1 - shares.test - shares.validation : shares[name]))
  const dealt = (count: number): number[] => deal(count, shares).map((name) => splitNames.indexOf(name))
  const sides = divideGroups(samples, classes, keyOf(seed, 'split'), dealt, { shares: wished, stratify })
  return sides.map((side) => splitNames[side] ?? 'train')
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
