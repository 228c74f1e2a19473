/** The mean over folds, whose models were trained on much the same images: its error is larger than the spread of the folds would have it. */
import { variance } from './moments.ts'
import type { Uncertainty } from './variance-components.ts'

/**
 * The corrected resampled variance, variance · (1/k + validation/training), of Nadeau and Bengio, "Inference for the generalization error"
 * (2003); of k folds validation/training is 1/(k - 1). Made for random resamples, it is a stand-in for folds, of which no estimate is unbiased
 * (Bengio and Grandvalet 2004). `values` has one of each fold, two at least.
 */
export function uncertaintyOverFolds(values: readonly number[]): Uncertainty {
  const folds = values.length
  return { standardError: Math.sqrt(variance(values) * (1 / folds + 1 / (folds - 1))), degreesOfFreedom: folds - 1 }
}
