/** The confusion matrix, and what follows from it. Names and edge cases are scikit-learn's unless a docstring says otherwise. */

/** Row: true class; column: predicted class. */
export type ConfusionMatrix = readonly (readonly number[])[]

/** labels [n] and predicted [n] are class indices below `classes`. */
export function confusionMatrix(labels: ArrayLike<number>, predicted: ArrayLike<number>, classes: number): ConfusionMatrix {
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  for (let index = 0; index < labels.length; index++) {
    const row = matrix[labels[index] ?? 0]
    const column = predicted[index] ?? 0
    if (row) row[column] = (row[column] ?? 0) + 1
  }
  return matrix
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const cell = (matrix: ConfusionMatrix, row: number, column: number): number => matrix[row]?.[column] ?? 0

/** Images of each true class. */
export function supports(matrix: ConfusionMatrix): number[] {
  return matrix.map(sum)
}

/** Share of hits; NaN without images. */
export function accuracy(matrix: ConfusionMatrix): number {
  return sum(matrix.map((row, index) => row[index] ?? 0)) / sum(supports(matrix))
}

/** Hits / images of the class: recall, and for the positive class sensitivity, for the negative one specificity. NaN without images. */
export function recall(matrix: ConfusionMatrix, index: number): number {
  return cell(matrix, index, index) / sum(matrix[index] ?? [])
}

/** Of the images of the other classes the share that is not called this one: recall of the rest. NaN without others. */
export function specificity(matrix: ConfusionMatrix, index: number): number {
  const others = matrix.filter((_, row) => row !== index)
  const images = sum(others.map(sum))
  return (images - sum(others.map((row) => row[index] ?? 0))) / images
}

/** Hits / images called the class; NaN where none is called so. */
export function precision(matrix: ConfusionMatrix, index: number): number {
  return cell(matrix, index, index) / sum(matrix.map((row) => row[index] ?? 0))
}

/** 2 TP / (2 TP + FP + FN); NaN where the class is neither there nor called. */
export function f1(matrix: ConfusionMatrix, index: number): number {
  const hits = cell(matrix, index, index)
  return (2 * hits) / (sum(matrix[index] ?? []) + sum(matrix.map((row) => row[index] ?? 0)))
}

/** Mean recall over the classes that have images. */
export function balancedAccuracy(matrix: ConfusionMatrix): number {
  const recalls = matrix.map((_, index) => recall(matrix, index)).filter((value) => !Number.isNaN(value))
  return sum(recalls) / recalls.length
}

/** Matthews correlation for any number of classes (Gorodkin 2004); 0 where a marginal is empty, as scikit-learn. */
export function matthewsCorrelation(matrix: ConfusionMatrix): number {
  const trueCounts = supports(matrix)
  const calledCounts = matrix.map((_, index) => sum(matrix.map((row) => row[index] ?? 0)))
  const total = sum(trueCounts)
  const hits = sum(matrix.map((row, index) => row[index] ?? 0))
  const product = (a: readonly number[], b: readonly number[]): number => sum(a.map((value, index) => value * (b[index] ?? 0)))
  const denominator = Math.sqrt((total ** 2 - product(calledCounts, calledCounts)) * (total ** 2 - product(trueCounts, trueCounts)))
  return denominator === 0 ? 0 : (hits * total - product(trueCounts, calledCounts)) / denominator
}
