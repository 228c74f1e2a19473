/** Curves over a score threshold and the areas under them. Scores are probabilities of the positive class; ties are handled exactly. */

/** Thresholds from high to low, with the counts of what scores at least that much. */
export interface RankingCounts {
  readonly thresholds: Float64Array
  readonly truePositives: Float64Array
  readonly falsePositives: Float64Array
}

/**
 * Cumulative counts at every distinct score, as scikit-learn's `_binary_clf_curve`. `weights` count an item several times, or not at all
 * (a bootstrap's resample); absent, each counts once. scores [n], isPositive [n].
 */
export function rankingCounts(
  scores: ArrayLike<number>,
  isPositive: ArrayLike<boolean | number>,
  weights?: ArrayLike<number>,
): RankingCounts {
  const order = Array.from({ length: scores.length }, (_, index) => index).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
  const thresholds: number[] = []
  const truePositives: number[] = []
  const falsePositives: number[] = []
  let hits = 0
  let misses = 0
  for (const [position, index] of order.entries()) {
    const weight = weights ? (weights[index] ?? 0) : 1
    if (isPositive[index]) hits += weight
    else misses += weight
    const next = order[position + 1]
    if (next !== undefined && scores[next] === scores[index]) continue
    thresholds.push(scores[index] ?? 0)
    truePositives.push(hits)
    falsePositives.push(misses)
  }
  return {
    thresholds: Float64Array.from(thresholds),
    truePositives: Float64Array.from(truePositives),
    falsePositives: Float64Array.from(falsePositives),
  }
}

/** Area under the ROC curve by trapezoids, so that a tie counts one half; NaN where one class is absent. */
export function rocAuc({ truePositives, falsePositives }: RankingCounts): number {
  const positives = truePositives.at(-1) ?? 0
  const negatives = falsePositives.at(-1) ?? 0
  if (positives === 0 || negatives === 0) return NaN
  let area = 0
  let [lastTrue, lastFalse] = [0, 0]
  for (const [index, hits] of truePositives.entries()) {
    const misses = falsePositives[index] ?? 0
    area += ((misses - lastFalse) * (hits + lastTrue)) / 2
    lastTrue = hits
    lastFalse = misses
  }
  return area / (positives * negatives)
}

/** Sum over thresholds of (recall - previous recall) · precision, as scikit-learn; NaN without positives. */
export function averagePrecision({ truePositives, falsePositives }: RankingCounts): number {
  const positives = truePositives.at(-1) ?? 0
  if (positives === 0) return NaN
  let sum = 0
  let last = 0
  for (const [index, hits] of truePositives.entries()) {
    const predicted = hits + (falsePositives[index] ?? 0)
    if (predicted > 0) sum += ((hits - last) / positives) * (hits / predicted)
    last = hits
  }
  return sum
}
