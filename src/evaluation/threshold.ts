/** The operating point, chosen on validation and nowhere else. */
import type { ThresholdRule } from '../experiment/experiment.ts'
import { rankingCounts, type RankingCounts } from '../statistics/ranking.ts'

/**
 * Positive is called from this score on. Of equally good thresholds the highest is taken, and it stands half way to the next lower score, so that
 * rounding decides nothing. .5 where only one of the classes is there.
 */
export function chooseThreshold(rule: ThresholdRule, scores: ArrayLike<number>, isPositive: ArrayLike<boolean>): number {
  if (typeof rule === 'number') return rule
  const counts = rankingCounts(scores, isPositive)
  const { thresholds } = counts
  if (!hasBothClasses(counts)) return 0.5
  const at = typeof rule === 'string' ? mostInformed(counts) : mostSensitive(counts, rule.atSpecificity)
  const [own, next] = [thresholds[at], thresholds[at + 1]]
  if (own === undefined) return (1 + aboveOne + (thresholds[0] ?? 0)) / 2
  return (own + (next ?? own)) / 2
}

/** By what a threshold was chosen: the end of a sentence. */
export function describeRule(rule: ThresholdRule): string {
  if (typeof rule === 'number') return 'by the experiment'
  if (typeof rule === 'object') return `on validation, for the highest sensitivity with a specificity of at least ${rule.atSpecificity}`
  return {
    maxBalancedAccuracy: 'on validation, for the highest balanced accuracy',
    youden: "on validation, for the highest Youden's index",
  }[rule]
}

/** No probability reaches 1 and this much, which a float32 does not show either. */
const aboveOne = 1e-6

function hasBothClasses({ truePositives, falsePositives }: RankingCounts): boolean {
  return (truePositives.at(-1) ?? 0) > 0 && (falsePositives.at(-1) ?? 0) > 0
}

/**
 * Youden's index (sensitivity + specificity - 1) and balanced accuracy (their mean) have the same maximum; the two names are what different fields
 * call it.
 */
function mostInformed({ truePositives, falsePositives }: RankingCounts): number {
  const [positives, negatives] = [truePositives.at(-1) ?? 0, falsePositives.at(-1) ?? 0]
  const gains = truePositives.map((hits, index) => hits / positives - (falsePositives[index] ?? 0) / negatives)
  return gains.indexOf(gains.reduce((best, gain) => Math.max(best, gain), -Infinity))
}

/** Where the sensitivity is highest of all thresholds with at least that specificity; -1 where even the highest score is one of too many false alarms. */
function mostSensitive({ truePositives, falsePositives }: RankingCounts, specificity: number): number {
  const negatives = falsePositives.at(-1) ?? 0
  const firstTooMany = falsePositives.findIndex((misses) => (negatives - misses) / negatives < specificity)
  const last = firstTooMany < 0 ? truePositives.length - 1 : firstTooMany - 1
  return last < 0 ? -1 : truePositives.indexOf(truePositives[last] ?? 0)
}
