/** Pictures of one evaluation: ROC, precision-recall, calibration, and the confusion matrix. */
import { columnOf } from '../evaluation/decisions.ts'
import type { Evaluation, Judgement, Predictions } from '../evaluation/evaluate.ts'
import { calibrationBins } from '../statistics/probability-scores.ts'
import { rankingCounts } from '../statistics/ranking.ts'
import { drawChart, palette, type Picture } from './chart.ts'

const schema = 'https://vega.github.io/schema/vega-lite/v6.json'
const unit = { domain: [0, 1] }
const size = { width: 330, height: 330 }

function interval(evaluation: Evaluation, name: string): string {
  const value = evaluation.metrics[name] ?? NaN
  const range = evaluation.intervals[name]
  return range ? `${value.toFixed(3)} (${range.low.toFixed(3)} to ${range.high.toFixed(3)})` : value.toFixed(3)
}

/** ROC beside precision-recall, for a positive class. Titles carry the areas with 95 % intervals. */
export function rankingPlot(
  predictions: Predictions,
  evaluation: Evaluation,
  { classes, positive }: Judgement & { positive: number },
): Promise<Picture> {
  const scores = columnOf(predictions.probabilities, classes.length, positive)
  const isPositive = predictions.rows.map((row) => row.class === positive)
  const { truePositives, falsePositives } = rankingCounts(scores, isPositive)
  const positives = truePositives.at(-1) ?? 0
  const negatives = falsePositives.at(-1) ?? 0
  const points = Array.from(truePositives, (hits, index) => {
    const misses = falsePositives[index] ?? 0
    return { recall: hits / positives, fall: misses / negatives, precision: hits / (hits + misses), order: index }
  })
  const line = { type: 'line', strokeWidth: 2.2, color: palette.first, interpolate: 'linear' } as const
  const diagonal = { data: { values: [{ a: 0 }, { a: 1 }] }, mark: { type: 'line' as const, strokeDash: [4, 4], color: palette.muted } }
  const axis = (field: string, title: string) => ({ field, type: 'quantitative' as const, title, scale: unit })
  return drawChart({
    $schema: schema,
    hconcat: [
      {
        ...size,
        title: `ROC: area ${interval(evaluation, 'roc_auc')}`,
        layer: [
          { ...diagonal, encoding: { x: axis('a', '1 - specificity'), y: axis('a', 'sensitivity') } },
          {
            data: { values: [{ recall: 0, fall: 0, order: -1 }, ...points] },
            mark: line,
            encoding: {
              x: axis('fall', '1 - specificity'),
              y: axis('recall', 'sensitivity'),
              order: { field: 'order', type: 'quantitative' },
            },
          },
        ],
      },
      {
        ...size,
        title: `precision-recall: average ${interval(evaluation, 'average_precision')}`,
        data: { values: points },
        mark: line,
        encoding: { x: axis('recall', 'recall'), y: axis('precision', 'precision'), order: { field: 'order', type: 'quantitative' } },
      },
    ],
  })
}

/** How often what was given a probability is positive; points are as large as their bins. */
export function calibrationPlot(
  predictions: Predictions,
  evaluation: Evaluation,
  { classes, positive }: Judgement & { positive: number },
): Promise<Picture> {
  const scores = columnOf(predictions.probabilities, classes.length, positive)
  const bins = calibrationBins(
    scores,
    predictions.rows.map((row) => row.class === positive),
  )
  const axis = (field: string, title: string) => ({ field, type: 'quantitative' as const, title, scale: unit })
  const encoding = { x: axis('predicted', 'probability given'), y: axis('observed', `share that is ${classes[positive] ?? ''}`) }
  return drawChart({
    $schema: schema,
    ...size,
    title: `calibration: error ${interval(evaluation, 'calibration_error')}`,
    layer: [
      {
        data: {
          values: [
            { predicted: 0, observed: 0 },
            { predicted: 1, observed: 1 },
          ],
        },
        mark: { type: 'line', strokeDash: [4, 4], color: palette.muted },
        encoding,
      },
      { data: { values: bins }, mark: { type: 'line', color: palette.first, strokeWidth: 2 }, encoding },
      {
        data: { values: bins },
        mark: { type: 'point', filled: true, color: palette.first, opacity: 1 },
        encoding: { ...encoding, size: { field: 'count', type: 'quantitative', title: 'images', scale: { range: [30, 400] } } },
      },
    ],
  })
}

/** Counts, shaded by the share of the true class. */
export function confusionPlot(evaluation: Evaluation, classes: readonly string[]): Promise<Picture> {
  const values = evaluation.confusion.flatMap((row, truth) => {
    const total = row.reduce((a, b) => a + b, 0)
    return row.map((count, called) => ({ truth: classes[truth], called: classes[called], count, share: total === 0 ? 0 : count / total }))
  })
  const side = Math.max(220, 60 * classes.length)
  const ordinal = (field: string, title: string) => ({
    field,
    type: 'nominal' as const,
    title,
    sort: [...classes],
    axis: { labelAngle: 0 },
  })
  const encoding = { x: ordinal('called', 'called'), y: ordinal('truth', 'is') }
  return drawChart({
    $schema: schema,
    width: side,
    height: side,
    title: evaluation.threshold === null ? 'confusion' : `confusion at threshold ${evaluation.threshold.toFixed(3)}`,
    data: { values },
    layer: [
      {
        mark: 'rect',
        encoding: {
          ...encoding,
          color: {
            field: 'share',
            type: 'quantitative',
            title: 'share of the class',
            scale: { domain: [0, 1], scheme: 'blues' },
            legend: { format: '.0%' },
          },
        },
      },
      {
        mark: { type: 'text', fontSize: 14 },
        encoding: {
          ...encoding,
          text: { field: 'count', type: 'quantitative' },
          color: { condition: { test: 'datum.share > 0.55', value: 'white' }, value: 'black' },
        },
      },
    ],
  })
}
