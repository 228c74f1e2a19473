/** From probabilities to everything that is said about a model. */
import type { ManifestRow } from '../dataset/manifest.ts'
import type { ThresholdRule } from '../experiment/experiment.ts'
import { bootstrapIntervals, type Interval } from '../statistics/bootstrap.ts'
import {
  accuracy,
  balancedAccuracy,
  confusionMatrix,
  f1,
  matthewsCorrelation,
  precision,
  recall,
  specificity,
  supports,
  type ConfusionMatrix,
} from '../statistics/confusion.ts'
import { groupedCalibrationError, groupedConfusion, groupedMean } from '../statistics/grouped.ts'
import { logLosses, squaredDistances } from '../statistics/probability-scores.ts'
import { averagePrecision, rankingCounts, rankOrder, rocAuc } from '../statistics/ranking.ts'
import { classificationReport, type ClassificationReport } from './classification-report.ts'
import { columnOf, predictedClasses } from './decisions.ts'
import { chooseThreshold } from './threshold.ts'

/** What a model says of one split. */
export interface Predictions {
  readonly rows: readonly ManifestRow[]
  /** [rows, classes], row after row. */
  readonly probabilities: Float32Array
}

export interface Judgement {
  readonly classes: readonly string[]
  /** Index of the positive class; null with more than two. */
  readonly positive: number | null
  readonly seed: number
}

export interface Scores {
  readonly metrics: Readonly<Record<string, number>>
  /** 95 %, from a bootstrap over groups. */
  readonly intervals: Readonly<Record<string, Interval>>
}

/** One split at one operating point. */
export interface Evaluation extends Scores {
  /** Null where the most probable class decides. */
  readonly threshold: number | null
  /** Each class against the rest, by its name; null with a positive class, of which `metrics` speak. */
  readonly againstRest: Readonly<Record<string, Scores>> | null
  readonly confusion: ConfusionMatrix
  readonly report: ClassificationReport
}

/** Both operating points of both splits, for one set of weights. */
export interface WeightsEvaluation {
  readonly epoch: number
  /** At .5, or the most probable class. */
  readonly validation: Evaluation
  readonly test: Evaluation
  /** At the threshold of `evaluation.threshold`, where that is another; null with more than two classes. */
  readonly chosen: { readonly rule: ThresholdRule; readonly validation: Evaluation; readonly test: Evaluation } | null
  readonly groups: readonly GroupScore[]
}

/** One group of the test split, at the chosen threshold, at .5 where none was chosen, or by the most probable class. */
export interface GroupScore {
  readonly group: string
  readonly images: number
  readonly errors: number
  /** Of the errors those that are positive; null without a positive class. */
  readonly missed: number | null
  readonly accuracy: number
}

const resamples = 1000
const level = 0.95

export function evaluateWeights(
  epoch: number,
  validation: Predictions,
  test: Predictions,
  rule: ThresholdRule,
  judgement: Judgement,
): WeightsEvaluation {
  const { positive, classes } = judgement
  const half = positive === null ? null : 0.5
  const isChosen = positive !== null && rule !== half
  const chosenAt = isChosen
    ? chooseThreshold(rule, columnOf(validation.probabilities, classes.length, positive), isOf(validation, positive))
    : null
  return {
    epoch,
    validation: evaluateAt(validation, half, judgement),
    test: evaluateAt(test, half, judgement),
    chosen:
      chosenAt === null
        ? null
        : { rule, validation: evaluateAt(validation, chosenAt, judgement), test: evaluateAt(test, chosenAt, judgement) },
    groups: groupScores(test, chosenAt ?? half, judgement),
  }
}

function isOf({ rows }: Predictions, index: number): boolean[] {
  return rows.map((row) => row.class === index)
}

type Metrics = Readonly<Record<string, number>>

export function evaluateAt(predictions: Predictions, threshold: number | null, { classes, positive, seed }: Judgement): Evaluation {
  const { rows, probabilities } = predictions
  const count = classes.length
  const labels = Int32Array.from(rows, (row) => row.class)
  const called = predictedClasses(probabilities, count, positive, threshold ?? 0.5)
  const { groupOf, groups } = numberGroups(rows)
  const confusion = groupedConfusion(labels, called, groupOf, { groups, classes: count })
  const own = probabilityMetrics(predictions, labels, called, { positive, classes: count, groupOf, groups })
  const rankings = (positive === null ? classes.map((_, index) => index) : [positive]).map((index) => {
    const scores = columnOf(probabilities, count, index)
    const isClass = isOf(predictions, index)
    const order = rankOrder(scores)
    return (weights?: Int32Array) => rankingMetrics(rankingCounts(scores, isClass, weights, order))
  })
  /** Of a resample, or of the images themselves: the metrics, and where there is no positive class those of each class as `<index>/<metric>`. */
  const metricsOf = (groupWeights: Int32Array, weights?: Int32Array): Metrics => {
    const matrix = confusion(groupWeights)
    const ranked = rankings.map((ranking) => ranking(weights))
    const whole = { ...matrixMetrics(matrix, positive), ...meanRanking(ranked, matrix), ...own(groupWeights) }
    return positive === null ? { ...whole, ...perClass(matrix, ranked) } : whole
  }
  const once = new Int32Array(groups).fill(1)
  const metrics = metricsOf(once)
  const intervals = bootstrapIntervals(groupOf, groups, (weights, groupWeights) => metricsOf(groupWeights, weights), {
    seed,
    resamples,
    level,
  })
  const matrix = confusionMatrix(labels, called, count)
  const scores = { metrics, intervals }
  return {
    threshold,
    metrics: underPrefix(metrics, ''),
    intervals: underPrefix(intervals, ''),
    againstRest: positive === null ? Object.fromEntries(classes.map((name, index) => [name, ofClass(scores, index)])) : null,
    confusion: matrix,
    report: classificationReport(matrix, classes),
  }
}

interface Grouping {
  /** [images], below `groups` */
  readonly groupOf: Int32Array
  readonly groups: number
}

function numberGroups(rows: readonly ManifestRow[]): Grouping {
  const numberOf = new Map<string, number>()
  for (const { group } of rows) if (!numberOf.has(group)) numberOf.set(group, numberOf.size)
  return { groupOf: Int32Array.from(rows, ({ group }) => numberOf.get(group) ?? 0), groups: numberOf.size }
}

function ofClass({ metrics, intervals }: Scores, index: number): Scores {
  return { metrics: underPrefix(metrics, `${index}/`), intervals: underPrefix(intervals, `${index}/`) }
}

/** Those whose names begin so, without it; without a prefix those that have none. */
function underPrefix<T>(values: Readonly<Record<string, T>>, prefix: string): Record<string, T> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]): [string, T][] => {
      if (prefix === '') return name.includes('/') ? [] : [[name, value]]
      return name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : []
    }),
  )
}

type Ranking = ReturnType<typeof rankingMetrics>

function rankingMetrics(counts: ReturnType<typeof rankingCounts>): { readonly roc_auc: number; readonly average_precision: number } {
  return { roc_auc: rocAuc(counts), average_precision: averagePrecision(counts) }
}

/** Of the positive class; of several the mean, and the mean weighted by their images, each against the rest. */
function meanRanking(ranked: readonly Ranking[], matrix: ConfusionMatrix): Metrics {
  const of = (name: keyof Ranking): number[] => ranked.map((ranking) => ranking[name])
  const [roc, precisions] = [of('roc_auc'), of('average_precision')]
  const plain = { roc_auc: mean(roc), average_precision: mean(precisions) }
  if (ranked.length === 1) return plain
  const support = supports(matrix)
  return { ...plain, roc_auc_weighted: weightedMean(roc, support), average_precision_weighted: weightedMean(precisions, support) }
}

function perClass(matrix: ConfusionMatrix, ranked: readonly Ranking[]): Metrics {
  return Object.fromEntries(
    ranked.flatMap((ranking, index) => {
      const own = {
        precision: precision(matrix, index),
        recall: recall(matrix, index),
        specificity: specificity(matrix, index),
        f1: f1(matrix, index),
        ...ranking,
      }
      return Object.entries(own).map(([name, value]) => [`${index}/${name}`, value])
    }),
  )
}

/** What is said of the probabilities themselves. The calibration error is that of the positive class, or that of the class that is called. */
function probabilityMetrics(
  { probabilities }: Predictions,
  labels: Int32Array,
  called: Int32Array,
  { positive, classes, groupOf, groups }: Grouping & { readonly positive: number | null; readonly classes: number },
): (groupWeights: Int32Array) => Metrics {
  /** Whose probability is held against how often it is right. */
  const asked = called.map((own) => positive ?? own)
  const scores = Float32Array.from(asked, (own, row) => probabilities[row * classes + own] ?? 0)
  const isRight = Array.from(asked, (own, row) => own === labels[row])
  const logLoss = groupedMean(logLosses(probabilities, labels, classes), groupOf, groups)
  const brier = groupedMean(squaredDistances(probabilities, labels, classes, positive), groupOf, groups)
  const calibration = groupedCalibrationError(scores, isRight, groupOf, groups)
  return (weights) => ({ log_loss: logLoss(weights), brier_score: brier(weights), calibration_error: calibration(weights) })
}

/** What follows from the matrix alone. With more than two classes F1 and precision are means over classes, plain and weighted by their images. */
export function matrixMetrics(matrix: ConfusionMatrix, positive: number | null): Record<string, number> {
  const shared = { accuracy: accuracy(matrix), balanced_accuracy: balancedAccuracy(matrix), mcc: matthewsCorrelation(matrix) }
  if (positive === null) {
    const support = supports(matrix)
    // As scikit-learn: what is undefined counts as 0.
    const scores = matrix.map((_, index) => f1(matrix, index) || 0)
    const precisions = matrix.map((_, index) => precision(matrix, index) || 0)
    return {
      ...shared,
      f1: mean(scores),
      f1_weighted: weightedMean(scores, support),
      precision_macro: mean(precisions),
      precision_weighted: weightedMean(precisions, support),
    }
  }
  return {
    ...shared,
    f1: f1(matrix, positive),
    sensitivity: recall(matrix, positive),
    specificity: recall(matrix, 1 - positive),
    ppv: precision(matrix, positive),
    npv: precision(matrix, 1 - positive),
  }
}

function groupScores({ rows, probabilities }: Predictions, threshold: number | null, { classes, positive }: Judgement): GroupScore[] {
  const called = predictedClasses(probabilities, classes.length, positive, threshold ?? 0.5)
  const byGroup = new Map<string, { images: number; errors: number; missed: number }>()
  for (const [index, row] of rows.entries()) {
    const score = byGroup.get(row.group) ?? { images: 0, errors: 0, missed: 0 }
    score.images += 1
    if (called[index] !== row.class) {
      score.errors += 1
      if (row.class === positive) score.missed += 1
    }
    byGroup.set(row.group, score)
  }
  return [...byGroup]
    .map(([group, { images, errors, missed }]) => ({
      group,
      images,
      errors,
      missed: positive === null ? null : missed,
      accuracy: 1 - errors / images,
    }))
    .sort((a, b) => a.accuracy - b.accuracy || (a.group < b.group ? -1 : 1))
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}

function weightedMean(values: readonly number[], weights: readonly number[]): number {
  return values.reduce((sum, value, index) => sum + value * (weights[index] ?? 0), 0) / weights.reduce((a, b) => a + b, 0)
}
