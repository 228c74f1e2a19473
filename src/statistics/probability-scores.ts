/** How good the probabilities themselves are. */

/** Mean squared distance of the positive class's probability from 0 or 1 (Brier 1950). scores [n], isPositive [n]. */
export function brierScore(scores: ArrayLike<number>, isPositive: ArrayLike<boolean>): number {
  let sum = 0
  for (let index = 0; index < scores.length; index++) sum += ((scores[index] ?? 0) - (isPositive[index] ? 1 : 0)) ** 2
  return sum / scores.length
}

/** Mean of -log p[label], probabilities [n, classes] held away from 0 by the float32 epsilon, as scikit-learn does. */
export function logLoss(probabilities: ArrayLike<number>, labels: ArrayLike<number>, classes: number): number {
  const epsilon = 2 ** -23
  let sum = 0
  for (let row = 0; row < labels.length; row++) {
    const p = probabilities[row * classes + (labels[row] ?? 0)] ?? 0
    sum -= Math.log(Math.min(1 - epsilon, Math.max(epsilon, p)))
  }
  return sum / labels.length
}

export interface CalibrationBin {
  /** Mean probability and share of positives of the images in the bin. */
  readonly predicted: number
  readonly observed: number
  readonly count: number
}

/** Bins of equal width over 0 … 1; empty ones are left out. */
export function calibrationBins(scores: ArrayLike<number>, isPositive: ArrayLike<boolean>, bins = 10): CalibrationBin[] {
  const sums = Array.from({ length: bins }, () => ({ predicted: 0, observed: 0, count: 0 }))
  for (let index = 0; index < scores.length; index++) {
    const score = scores[index] ?? 0
    const bin = sums[Math.min(bins - 1, Math.floor(score * bins))]
    if (!bin) continue
    bin.predicted += score
    bin.observed += isPositive[index] ? 1 : 0
    bin.count += 1
  }
  return sums
    .filter(({ count }) => count > 0)
    .map(({ predicted, observed, count }) => ({ predicted: predicted / count, observed: observed / count, count }))
}

/** Expected calibration error: mean distance of the bins from the diagonal, weighted by their images (Naeini et al. 2015). */
export function calibrationError(bins: readonly CalibrationBin[]): number {
  const total = bins.reduce((sum, { count }) => sum + count, 0)
  return bins.reduce((sum, { predicted, observed, count }) => sum + (count / total) * Math.abs(predicted - observed), 0)
}
