/** The metrics of a validation pass, quick enough for every epoch. */
import { accuracy, balancedAccuracy, confusionMatrix, f1, recall } from '../statistics/confusion.ts'
import { averagePrecision, rankingCounts, rocAuc } from '../statistics/ranking.ts'
import { columnOf, predictedClasses } from './decisions.ts'

/**
 * probabilities [rows, classes] row after row, labels [rows]. With a positive class the decision is p[positive] >= .5 and its metrics are
 * the field's; otherwise the most probable class decides, and F1, ROC AUC and average precision are means over classes (one against the rest).
 */
export function epochMetrics(
  probabilities: Float32Array,
  labels: Int32Array,
  classes: number,
  positive: number | null,
): Readonly<Record<string, number>> {
  const matrix = confusionMatrix(labels, predictedClasses(probabilities, classes, positive, 0.5), classes)
  const shared = { accuracy: accuracy(matrix), balanced_accuracy: balancedAccuracy(matrix) }
  const ranking = (index: number): ReturnType<typeof rankingCounts> =>
    rankingCounts(
      columnOf(probabilities, classes, index),
      Array.from(labels, (label) => label === index),
    )
  if (positive !== null) {
    const counts = ranking(positive)
    return {
      ...shared,
      f1: f1(matrix, positive),
      sensitivity: recall(matrix, positive),
      specificity: recall(matrix, 1 - positive),
      roc_auc: rocAuc(counts),
      average_precision: averagePrecision(counts),
    }
  }
  const every = Array.from({ length: classes }, (_, index) => index)
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  const counts = every.map(ranking)
  return {
    ...shared,
    f1: mean(every.map((index) => f1(matrix, index)).map((value) => (Number.isNaN(value) ? 0 : value))),
    roc_auc: mean(counts.map(rocAuc)),
    average_precision: mean(counts.map(averagePrecision)),
  }
}
