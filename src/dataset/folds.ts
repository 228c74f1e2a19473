/**
 * Cross-validation: what the test leaves is divided into folds, each of which validates once, while the others train. A pure function of the
 * seed and the groups' names and counts, so that the points of a sweep agree on the folds without a word.
 */
import type { DrawnSplit, Fold } from '../experiment/experiment.ts'
import { keyOf, permutation } from '../random/philox.ts'
import { divideGroups, type Grouped } from './divide.ts'
import type { SplitName } from './manifest.ts'

/** `splits` are those without folds: the test stays as it is. */
export function splitByFold(
  samples: readonly Grouped[],
  splits: readonly SplitName[],
  classes: number,
  { by, seed, stratify }: Pick<DrawnSplit, 'by' | 'seed' | 'stratify'>,
  fold: Fold,
): SplitName[] {
  const rest = samples.filter((_, index) => splits[index] !== 'test')
  const folds = (by === 'image' ? foldsByImage : foldsByGroup)(rest, classes, fold.of, seed, stratify)
  const ofRest = folds.values()
  return splits.map((split) => {
    if (split === 'test') return split
    return ofRest.next().value === fold.number - 1 ? 'validation' : 'train'
  })
}

/** The fold of each sample, from 0: groups stay whole, and every fold is as large as the others and has as much of each class. */
function foldsByGroup(samples: readonly Grouped[], classes: number, folds: number, seed: number, stratify: boolean): number[] {
  const wished = { shares: new Array<number>(folds).fill(1 / folds), stratify }
  return divideGroups(samples, classes, keyOf(seed, 'folds'), (count) => Array.from({ length: count }, (_, index) => index % folds), wished)
}

/** The fold of each image, from 0: every class is shuffled and dealt out, so that no two folds differ by more than an image of any class. */
function foldsByImage(samples: readonly Grouped[], classes: number, folds: number, seed: number, stratify: boolean): number[] {
  const foldOf = new Array<number>(samples.length).fill(0)
  let dealt = 0
  for (let index = 0; index < (stratify ? classes : 1); index++) {
    const members = samples.flatMap((sample, row) => (!stratify || sample.class === index ? [row] : []))
    for (const member of permutation(keyOf(seed, 'folds', index), members.length)) foldOf[members[member] ?? 0] = dealt++ % folds
  }
  return foldOf
}
