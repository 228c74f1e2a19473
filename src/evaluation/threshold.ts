/** The operating point, chosen on validation and nowhere else. */
import { rankingCounts } from '../statistics/ranking.ts'

export type ThresholdRule = number | 'maxBalancedAccuracy' | 'youden'

/**
 * Positive is called from this score on. Youden's index (sensitivity + specificity - 1) and balanced accuracy (their mean) have the same
 * maximum; the two names are what different fields call it. Of equally good thresholds the highest is taken, and it stands half way
 * to the next lower score, so that rounding decides nothing.
 */
export function chooseThreshold(rule: ThresholdRule, scores: ArrayLike<number>, isPositive: ArrayLike<boolean>): number {
  if (typeof rule === 'number') return rule
  const { thresholds, truePositives, falsePositives } = rankingCounts(scores, isPositive)
  const positives = truePositives.at(-1) ?? 0
  const negatives = falsePositives.at(-1) ?? 0
  let best = -Infinity
  let at = -1
  for (let index = 0; index < thresholds.length; index++) {
    const value = (truePositives[index] ?? 0) / positives - (falsePositives[index] ?? 0) / negatives
    if (value > best) {
      best = value
      at = index
    }
  }
  const own = thresholds[at]
  if (own === undefined) return 0.5
  return (own + (thresholds[at + 1] ?? own)) / 2
}
