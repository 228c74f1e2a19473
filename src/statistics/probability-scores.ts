/** How good the probabilities themselves are. */

/**
 * Squared distance of each image's probabilities from 0 and 1 (Brier 1950), whose mean is the Brier score. With a positive class that of its probability
 * alone; with more classes summed over all of them, as scikit-learn does. probabilities [images, classes], labels [images] -> [images]
 */
export function squaredDistances(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
  positive: number | null,
): Float64Array {
  const counted = positive === null ? Array.from({ length: classes }, (_, index) => index) : [positive]
  return Float64Array.from({ length: labels.length }, (_, row) =>
    counted.reduce((sum, index) => sum + ((probabilities[row * classes + index] ?? 0) - (labels[row] === index ? 1 : 0)) ** 2, 0),
  )
}

/** -log p[label] of each image, whose mean is the log loss; p is held away from 0 by the float32 epsilon, as scikit-learn does. */
export function logLosses(probabilities: ArrayLike<number>, labels: ArrayLike<number>, classes: number): Float64Array {
  const epsilon = 2 ** -23
  return Float64Array.from({ length: labels.length }, (_, row) => {
    const p = probabilities[row * classes + (labels[row] ?? 0)] ?? 0
    return -Math.log(Math.min(1 - epsilon, Math.max(epsilon, p)))
  })
}

export interface CalibrationBin {
  /** Mean probability and share of positives of the images in the bin. */
  readonly predicted: number
  readonly observed: number
  readonly count: number
}

/** Of bins of equal width over 0 … 1 the one that holds a probability. */
export function binOf(probability: number, bins: number): number {
  return Math.min(bins - 1, Math.floor(probability * bins))
}

/** Bins of equal width over 0 … 1; empty ones are left out. */
export function calibrationBins(scores: ArrayLike<number>, isPositive: ArrayLike<boolean>, bins = 10): CalibrationBin[] {
  const sums = Array.from({ length: bins }, () => ({ predicted: 0, observed: 0, count: 0 }))
  for (let index = 0; index < scores.length; index++) {
    const score = scores[index] ?? 0
    const bin = sums[binOf(score, bins)]
    if (!bin) continue
    bin.predicted += score
    bin.observed += isPositive[index] ? 1 : 0
    bin.count += 1
  }
  return sums
    .filter(({ count }) => count > 0)
    .map(({ predicted, observed, count }) => ({ predicted: predicted / count, observed: observed / count, count }))
}
