/** From probabilities to decisions. */

/** The probabilities of one class: column `index` of [rows, classes]. */
export function columnOf(probabilities: Float32Array, classes: number, index: number): Float32Array {
  return Float32Array.from({ length: probabilities.length / classes }, (_, row) => probabilities[row * classes + index] ?? NaN)
}

/** With a positive class: positive where its probability is at least the threshold, else the other. Without: the most probable class, the first of equals. */
export function predictedClasses(probabilities: Float32Array, classes: number, positive: number | null, threshold: number): Int32Array {
  return Int32Array.from({ length: probabilities.length / classes }, (_, row) => {
    const p = probabilities.subarray(row * classes, (row + 1) * classes)
    if (positive !== null) return (p[positive] ?? 0) >= threshold ? positive : 1 - positive
    return p.reduce((best, value, index) => (value > (p[best] ?? -Infinity) ? index : best), 0)
  })
}
