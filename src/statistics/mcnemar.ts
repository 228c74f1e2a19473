/** McNemar's test (1947) in its exact form: of the images that only one of two models gets right, does each have its half? */
import { coinTails } from './distributions.ts'

export interface McNemar {
  /** Images that only the first gets right, and only the second. */
  readonly onlyFirst: number
  readonly onlySecond: number
  /** Two-sided. It takes images for independent, which patches of one patient are not: then it is too small. */
  readonly p: number
}

/** [images] each: whether the model is right. */
export function mcnemar(first: ArrayLike<boolean>, second: ArrayLike<boolean>): McNemar {
  let [onlyFirst, onlySecond] = [0, 0]
  for (let image = 0; image < first.length; image++) {
    if (first[image] === second[image]) continue
    if (first[image] === true) onlyFirst += 1
    else onlySecond += 1
  }
  return { onlyFirst, onlySecond, p: coinTails(onlyFirst, onlyFirst + onlySecond) }
}
