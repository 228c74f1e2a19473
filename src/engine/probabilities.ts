/** Logits to probabilities and losses, on the host in double precision. */
import type { Loss } from '../experiment/experiment.ts'

export interface Judged {
  /** [rows, classes], each row sums to 1. */
  readonly probabilities: Float32Array
  /** Mean of what training minimises, without class weights and penalties. */
  readonly loss: number
}

/** logits [rows, classes] row after row, labels [rows]. */
export function judge(logits: Float32Array, labels: Int32Array, classes: number, loss: Loss): Judged {
  const probabilities = new Float32Array(logits.length)
  let total = 0
  for (const [row, label] of labels.entries()) {
    const z = logits.subarray(row * classes, (row + 1) * classes)
    const { largest, sum } = softmax(z, probabilities.subarray(row * classes, (row + 1) * classes))
    total += loss === 'sigmoidCrossentropy' ? sigmoidCrossentropy(z, label) : Math.log(sum) + largest - (z[label] ?? 0)
  }
  return { probabilities, loss: total / labels.length }
}

/** logits [rows, classes] row after row -> the same shape. */
export function probabilitiesOf(logits: Float32Array, classes: number): Float32Array {
  const probabilities = new Float32Array(logits.length)
  for (let first = 0; first < logits.length; first += classes)
    softmax(logits.subarray(first, first + classes), probabilities.subarray(first, first + classes))
  return probabilities
}

/** Of one image, into `out`; with what was taken from the logits, and the sum of the exponentials after that. */
function softmax(z: Float32Array, out: Float32Array): { readonly largest: number; readonly sum: number } {
  const largest = z.reduce((a, b) => Math.max(a, b), -Infinity)
  const sum = z.reduce((a, b) => a + Math.exp(b - largest), 0)
  for (const [index, value] of z.entries()) out[index] = Math.exp(value - largest) / sum
  return { largest, sum }
}

/** mean over k of softplus(z[k]) - z[k] · onehot(label)[k] */
function sigmoidCrossentropy(z: Float32Array, label: number): number {
  const softplus = z.reduce((total, value) => total + Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value))), 0)
  return (softplus - (z[label] ?? 0)) / z.length
}
