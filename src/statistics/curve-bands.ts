/** How far ROC and precision-recall curves would move with other patients. */
import { drawGroups, quantile, type Interval } from './bootstrap.ts'
import { rankingCounts, rankOrder } from './ranking.ts'

export interface BandPoint extends Interval {
  /** The abscissa: 1 - specificity, or recall. */
  readonly at: number
}

export interface CurveBands {
  readonly roc: readonly BandPoint[]
  readonly precisionRecall: readonly BandPoint[]
}

const steps = 50

/**
 * Point by point: quantiles of the sensitivity at fixed shares of false alarms, and of the precision at fixed recalls, over resamples of groups
 * (vertical averaging, Fawcett 2006). A band holds a point of the curve with that probability, not the whole curve. scores, isPositive and
 * groupOf [images]; group numbers below `groups`.
 */
export function curveBands(
  scores: ArrayLike<number>,
  isPositive: ArrayLike<boolean>,
  groupOf: Int32Array,
  groups: number,
  options: { readonly seed: number; readonly resamples: number; readonly level: number },
): CurveBands {
  const order = rankOrder(scores)
  const weights = new Int32Array(groupOf.length)
  const places = Array.from({ length: steps + 1 }, (_, index) => index / steps)
  const sensitivities = places.map((): number[] => [])
  const precisions = places.map((): number[] => [])
  for (let resample = 0; resample < options.resamples; resample++) {
    const counts = drawGroups(groups, options.seed, resample)
    for (const [image, group] of groupOf.entries()) weights[image] = counts[group] ?? 0
    const { truePositives, falsePositives } = rankingCounts(scores, isPositive, weights, order)
    const [positives, negatives] = [truePositives.at(-1) ?? 0, falsePositives.at(-1) ?? 0]
    if (positives === 0 || negatives === 0) continue
    let index = 0
    for (const [step, place] of places.entries()) {
      while (index + 1 < falsePositives.length && (falsePositives[index + 1] ?? 0) <= place * negatives) index += 1
      sensitivities[step]?.push((falsePositives[index] ?? 0) <= place * negatives ? (truePositives[index] ?? 0) / positives : 0)
    }
    index = 0
    for (const [step, place] of places.entries()) {
      while (index + 1 < truePositives.length && (truePositives[index] ?? 0) < place * positives) index += 1
      const called = (truePositives[index] ?? 0) + (falsePositives[index] ?? 0)
      if (called > 0) precisions[step]?.push((truePositives[index] ?? 0) / called)
    }
  }
  const tail = (1 - options.level) / 2
  const band = (values: readonly (readonly number[])[]): BandPoint[] =>
    values.map((list, step) => {
      const sorted = Float64Array.from(list).sort()
      return { at: places[step] ?? 0, low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) }
    })
  return { roc: band(sensitivities), precisionRecall: band(precisions) }
}
