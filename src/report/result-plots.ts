/** Pictures of one evaluation: ROC, precision-recall, probabilities, calibration, and the confusion matrix. */
import { columnOf, predictedClasses } from '../evaluation/decisions.ts'
import type { Evaluation, Judgement, Predictions } from '../evaluation/evaluate.ts'
import { curveBands, type BandPoint, type CurveBands } from '../statistics/curve-bands.ts'
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

interface CurvePoint {
  readonly recall: number
  readonly fall: number
  readonly precision: number
  readonly order: number
  readonly curve: string
}

/** The curves of one class against the rest, as scikit-learn draws them. */
function curveOf(scores: ArrayLike<number>, isClass: readonly boolean[], curve: string): CurvePoint[] {
  const { truePositives, falsePositives } = rankingCounts(scores, isClass)
  const positives = truePositives.at(-1) ?? 0
  const negatives = falsePositives.at(-1) ?? 0
  const points = Array.from(truePositives, (hits, index) => {
    const misses = falsePositives[index] ?? 0
    return { recall: hits / positives, fall: misses / negatives, precision: hits / (hits + misses), order: index, curve }
  })
  return thinned(points)
}

/** Without the points that nobody could see apart from the one before: a picture of 20,000 images need not have 20,000 points. */
function thinned(points: readonly CurvePoint[]): CurvePoint[] {
  const kept: CurvePoint[] = []
  for (const [index, point] of points.entries()) {
    const last = kept.at(-1)
    const moved = last
      ? Math.abs(point.recall - last.recall) + Math.abs(point.fall - last.fall) + Math.abs(point.precision - last.precision)
      : Infinity
    if (moved >= 0.004 || index === points.length - 1) kept.push(point)
  }
  return kept
}

const bands = { resamples: 400, level: 0.95 } as const

function bandsOf({ rows }: Predictions, scores: ArrayLike<number>, isPositive: readonly boolean[], seed: number): CurveBands {
  const numbers = new Map<string, number>()
  for (const { group } of rows) if (!numbers.has(group)) numbers.set(group, numbers.size)
  const groupOf = Int32Array.from(rows, ({ group }) => numbers.get(group) ?? 0)
  return curveBands(scores, isPositive, groupOf, numbers.size, { seed, ...bands })
}

/**
 * ROC beside precision-recall: of the positive class with bands that hold 95 % of the resamples of groups; with more than two classes a curve for
 * each of them against the rest. Titles carry the areas with 95 % intervals.
 */
export function rankingPlot(predictions: Predictions, evaluation: Evaluation, { classes, positive, seed }: Judgement): Promise<Picture> {
  const shown = positive === null ? classes.map((_, index) => index) : [positive]
  const isOf = (index: number): boolean[] => predictions.rows.map((row) => row.class === index)
  const scoresOf = (index: number): Float64Array | Float32Array => columnOf(predictions.probabilities, classes.length, index)
  const points = shown.flatMap((index) => curveOf(scoresOf(index), isOf(index), classes[index] ?? ''))
  const band = positive === null ? null : bandsOf(predictions, scoresOf(positive), isOf(positive), seed)
  const axis = (field: string, title: string) => ({ field, type: 'quantitative' as const, title, scale: unit })
  const order = { field: 'order', type: 'quantitative' as const }
  const color =
    positive === null
      ? { field: 'curve', type: 'nominal' as const, title: 'against the rest', sort: [...classes], scale: { scheme: 'tableau10' as const } }
      : { value: palette.first }
  const line = { type: 'line', strokeWidth: positive === null ? 1.5 : 2.2, interpolate: 'linear' } as const
  const area = (values: readonly BandPoint[], [x, y]: readonly [string, string]) => ({
    data: { values: values.map(({ at, low, high }) => ({ at, low, high })) },
    mark: { type: 'area' as const, opacity: 0.18, color: palette.first },
    encoding: { x: axis('at', x), y: axis('low', y), y2: { field: 'high' } },
  })
  const ranking = ['1 - specificity', 'sensitivity'] as const
  const diagonal = { data: { values: [{ a: 0 }, { a: 1 }] }, mark: { type: 'line' as const, strokeDash: [4, 4], color: palette.muted } }
  const origins = shown.map((index) => ({ recall: 0, fall: 0, precision: 1, order: -1, curve: classes[index] ?? '' }))
  const mean = positive === null ? 'mean ' : ''
  return drawChart({
    $schema: schema,
    hconcat: [
      {
        ...size,
        title: `ROC: ${mean}area ${interval(evaluation, 'roc_auc')}`,
        layer: [
          { ...diagonal, encoding: { x: axis('a', ranking[0]), y: axis('a', ranking[1]) } },
          ...(band ? [area(band.roc, ranking)] : []),
          {
            data: { values: [...origins, ...points] },
            mark: line,
            encoding: { x: axis('fall', ranking[0]), y: axis('recall', ranking[1]), order, color },
          },
        ],
      },
      {
        ...size,
        title: `precision-recall: ${mean}average ${interval(evaluation, 'average_precision')}`,
        layer: [
          ...(band ? [area(band.precisionRecall, ['recall', 'precision'])] : []),
          {
            data: { values: points },
            mark: line,
            encoding: { x: axis('recall', 'recall'), y: axis('precision', 'precision'), order, color },
          },
        ],
      },
    ],
  })
}

const histogramBins = 25

/**
 * How probabilities lie: those of the positive class, a row for each true class; with more than two classes those of the class that was called, a
 * row for right ones and one for wrong ones. Rows have scales of their own, since classes differ in size.
 */
export function scoresPlot(predictions: Predictions, evaluation: Evaluation, { classes, positive }: Judgement): Promise<Picture> {
  const { rows, probabilities } = predictions
  const called = predictedClasses(probabilities, classes.length, positive, evaluation.threshold ?? 0.5)
  const counts = new Map<string, number[]>()
  for (const [index, row] of rows.entries()) {
    const own = called[index] ?? 0
    const name = positive === null ? (own === row.class ? 'right' : 'wrong') : (classes[row.class] ?? '')
    const score = probabilities[index * classes.length + (positive ?? own)] ?? 0
    const bins = counts.get(name) ?? Array.from({ length: histogramBins }, () => 0)
    const bin = Math.min(histogramBins - 1, Math.floor(score * histogramBins))
    bins[bin] = (bins[bin] ?? 0) + 1
    counts.set(name, bins)
  }
  const values = [...counts].flatMap(([name, bins]) =>
    bins.map((count, bin) => ({ name, from: bin / histogramBins, to: (bin + 1) / histogramBins, count, none: 0 })),
  )
  const title = positive === null ? 'probability of the class that was called' : `probability of ${classes[positive] ?? ''}`
  const point = evaluation.threshold
  return drawChart({
    $schema: schema,
    title: point === null ? 'probabilities, by right and wrong' : `probabilities by class; the line is the threshold, ${point.toFixed(3)}`,
    data: { values },
    facet: { row: { field: 'name', type: 'nominal', title: null, header: { labelFontSize: 13, labelAngle: 0, labelAlign: 'left' } } },
    resolve: { scale: { y: 'independent' } },
    spec: {
      width: 560,
      height: 110,
      layer: [
        {
          mark: { type: 'rect', color: palette.first, opacity: 0.85 },
          encoding: {
            x: { field: 'from', type: 'quantitative', title, scale: unit },
            x2: { field: 'to' },
            y: { field: 'count', type: 'quantitative', title: 'images' },
            y2: { field: 'none' },
          },
        },
        ...(point === null
          ? []
          : [
              {
                mark: { type: 'rule' as const, color: palette.second, strokeWidth: 2, strokeDash: [5, 3] },
                encoding: { x: { datum: point } },
              },
            ]),
      ],
    },
  })
}

/**
 * How often what was given a probability is positive; with more than two classes, how often the class that was called is right. Points are as large
 * as their bins.
 */
export function calibrationPlot(predictions: Predictions, evaluation: Evaluation, { classes, positive }: Judgement): Promise<Picture> {
  const { rows, probabilities } = predictions
  const called = predictedClasses(probabilities, classes.length, positive, 0.5)
  const scores = rows.map((_, index) => probabilities[index * classes.length + (positive ?? called[index] ?? 0)] ?? 0)
  const bins = calibrationBins(
    scores,
    rows.map((row, index) => row.class === (positive ?? called[index])),
  )
  const axis = (field: string, title: string) => ({ field, type: 'quantitative' as const, title, scale: unit })
  const encoding = {
    x: axis('predicted', 'probability given'),
    y: axis('observed', positive === null ? 'share that is right' : `share that is ${classes[positive] ?? ''}`),
  }
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
    axis: { labelAngle: field === 'called' && classes.length > 4 ? -40 : 0 },
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
