/** Curves over a score threshold and the areas under them. Scores are probabilities of the positive class; ties are handled exactly. */

/** Thresholds from high to low, with the counts of what scores at least that much. */
export interface RankingCounts {
  readonly thresholds: Float64Array
  readonly truePositives: Float64Array
  readonly falsePositives: Float64Array
}

/** Indices from the highest score to the lowest: worth keeping where the same scores are counted many times. */
export function rankOrder(scores: ArrayLike<number>): Int32Array {
  return Int32Array.from({ length: scores.length }, (_, index) => index).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
}

/**
 * Cumulative counts at every distinct score, as scikit-learn's `_binary_clf_curve`. `weights` count an item several times, or not at all
 * (a bootstrap's resample); absent, each counts once. scores [n], isPositive [n].
 */
export function rankingCounts(
  scores: ArrayLike<number>,
  isPositive: ArrayLike<boolean>,
  weights?: ArrayLike<number>,
  order: Int32Array = rankOrder(scores),
): RankingCounts {
  const thresholds = new Float64Array(order.length)
  const truePositives = new Float64Array(order.length)
  const falsePositives = new Float64Array(order.length)
  let hits = 0
  let misses = 0
  let distinct = 0
  for (let position = 0; position < order.length; position++) {
    const index = order[position] ?? 0
    const weight = weights ? (weights[index] ?? 0) : 1
    if (isPositive[index]) hits += weight
    else misses += weight
    const next = order[position + 1]
    if (next !== undefined && scores[next] === scores[index]) continue
    thresholds[distinct] = scores[index] ?? 0
    truePositives[distinct] = hits
    falsePositives[distinct] = misses
    distinct += 1
  }
  return {
    thresholds: thresholds.subarray(0, distinct),
    truePositives: truePositives.subarray(0, distinct),
    falsePositives: falsePositives.subarray(0, distinct),
  }
}

/** Area under the ROC curve by trapezoids, so that a tie counts one half; NaN where one class is absent. */
export function rocAuc({ truePositives, falsePositives }: RankingCounts): number {
  const positives = truePositives.at(-1) ?? 0
  const negatives = falsePositives.at(-1) ?? 0
  if (positives === 0 || negatives === 0) return NaN
  let area = 0
  let [lastTrue, lastFalse] = [0, 0]
  for (let index = 0; index < truePositives.length; index++) {
    const hits = truePositives[index] ?? 0
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
  for (let index = 0; index < truePositives.length; index++) {
    const hits = truePositives[index] ?? 0
    const predicted = hits + (falsePositives[index] ?? 0)
    if (predicted > 0) sum += ((hits - last) / positives) * (hits / predicted)
    last = hits
  }
  return sum
}

/** 1 for the lowest score; equal scores share the mean of their ranks, as SciPy's `rankdata`. */
export function averageRanks(scores: ArrayLike<number>): Float64Array {
  const order = rankOrder(scores).reverse()
  const ranks = new Float64Array(order.length)
  for (let begin = 0, end = 0; begin < order.length; begin = end) {
    while (end < order.length && scores[order[end] ?? 0] === scores[order[begin] ?? 0]) end += 1
    for (const index of order.subarray(begin, end)) ranks[index] = (begin + 1 + end) / 2
  }
  return ranks
}
