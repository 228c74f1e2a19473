/** From probabilities to everything that is said about a model. */
import type { ManifestRow } from '../dataset/manifest.ts'
import { bootstrapIntervals, type Interval } from '../statistics/bootstrap.ts'
import {
  accuracy,
  balancedAccuracy,
  confusionMatrix,
  f1,
  matthewsCorrelation,
  precision,
  recall,
  type ConfusionMatrix,
} from '../statistics/confusion.ts'
import { brierScore, calibrationBins, calibrationError, logLoss } from '../statistics/probability-scores.ts'
import { averagePrecision, rankingCounts, rankOrder, rocAuc } from '../statistics/ranking.ts'
import { classificationReport, type ClassificationReport } from './classification-report.ts'
import { columnOf, predictedClasses } from './decisions.ts'
import { chooseThreshold, type ThresholdRule } from './threshold.ts'

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

/** One split at one operating point. */
export interface Evaluation {
  /** Null where the most probable class decides. */
  readonly threshold: number | null
  readonly metrics: Readonly<Record<string, number>>
  /** 95 %, from a bootstrap over groups. */
  readonly intervals: Readonly<Record<string, Interval>>
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

/** One group of the test split, at .5 or by the most probable class. */
export interface GroupScore {
  readonly group: string
  readonly images: number
  readonly errors: number
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
    groups: groupScores(test, half, judgement),
  }
}

function isOf({ rows }: Predictions, index: number): boolean[] {
  return rows.map((row) => row.class === index)
}

export function evaluateAt(predictions: Predictions, threshold: number | null, { classes, positive, seed }: Judgement): Evaluation {
  const { rows, probabilities } = predictions
  const count = classes.length
  const labels = Int32Array.from(rows, (row) => row.class)
  const called = predictedClasses(probabilities, count, positive, threshold ?? 0.5)
  const confusion = confusionMatrix(labels, called, count)
  const scored = positive === null ? Array.from({ length: count }, (_, index) => index) : [positive]
  const rankings = scored.map((index) => {
    const scores = columnOf(probabilities, count, index)
    return { scores, isClass: isOf(predictions, index), order: rankOrder(scores) }
  })

  /** The metrics that follow from the matrix and the ranking, of a resample or of the images themselves. */
  const metricsOf = (matrix: ConfusionMatrix, weights?: Int32Array): Record<string, number> => {
    const counts = rankings.map(({ scores, isClass, order }) => rankingCounts(scores, isClass, weights, order))
    return { ...matrixMetrics(matrix, positive), roc_auc: mean(counts.map(rocAuc)), average_precision: mean(counts.map(averagePrecision)) }
  }
  const binary = rankings[0]
  const single =
    positive === null || !binary
      ? {}
      : {
          brier_score: brierScore(binary.scores, binary.isClass),
          calibration_error: calibrationError(calibrationBins(binary.scores, binary.isClass)),
        }
  const groupNames = [...new Set(rows.map(({ group }) => group))]
  const numberOf = new Map(groupNames.map((group, index) => [group, index]))
  const groupOf = Int32Array.from(rows, ({ group }) => numberOf.get(group) ?? 0)
  const intervals = bootstrapIntervals(
    groupOf,
    groupNames.length,
    (weights) => metricsOf(weightedMatrix(labels, called, weights, count), weights),
    { seed, resamples, level },
  )
  return {
    threshold,
    metrics: { ...metricsOf(confusion), log_loss: logLoss(probabilities, labels, count), ...single },
    intervals,
    confusion,
    report: classificationReport(confusion, classes),
  }
}

/** What follows from the matrix alone. */
export function matrixMetrics(matrix: ConfusionMatrix, positive: number | null): Record<string, number> {
  const shared = { accuracy: accuracy(matrix), balanced_accuracy: balancedAccuracy(matrix), mcc: matthewsCorrelation(matrix) }
  if (positive === null) {
    const scores = matrix.map((_, index) => f1(matrix, index)).map((value) => (Number.isNaN(value) ? 0 : value))
    return { ...shared, f1: mean(scores) }
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

function weightedMatrix(labels: Int32Array, called: Int32Array, weights: Int32Array, classes: number): ConfusionMatrix {
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  for (const [index, label] of labels.entries()) {
    const row = matrix[label]
    const column = called[index] ?? 0
    if (row) row[column] = (row[column] ?? 0) + (weights[index] ?? 0)
  }
  return matrix
}

function groupScores({ rows, probabilities }: Predictions, threshold: number | null, { classes, positive }: Judgement): GroupScore[] {
  const called = predictedClasses(probabilities, classes.length, positive, threshold ?? 0.5)
  const byGroup = new Map<string, { images: number; errors: number }>()
  for (const [index, row] of rows.entries()) {
    const score = byGroup.get(row.group) ?? { images: 0, errors: 0 }
    score.images += 1
    if (called[index] !== row.class) score.errors += 1
    byGroup.set(row.group, score)
  }
  return [...byGroup]
    .map(([group, { images, errors }]) => ({ group, images, errors, accuracy: 1 - errors / images }))
    .sort((a, b) => a.accuracy - b.accuracy || (a.group < b.group ? -1 : 1))
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}
