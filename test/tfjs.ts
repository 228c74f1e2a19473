/** TensorFlow in a test's own process. Its environment is read once, when it is loaded, so a file decides for all of its tests. */
import { createRequire } from 'node:module'
import * as tf from '@tensorflow/tfjs-core'

/** Without oneDNN a graph and single operations give the same bits; with it they are what users run. */
export function loadTensorflow(options: { readonly onednn: boolean }): void {
  process.env['TF_CPP_MIN_LOG_LEVEL'] = '3'
  process.env['TF_ENABLE_ONEDNN_OPTS'] = options.onednn ? '1' : '0'
  createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu')
  // Tests that compare with tfjs's own cpu backend need not be told that it is slow.
  tf.env().set('IS_TEST', true)
}

/** The largest difference, relative to each expected value or to the floor where that is larger. */
export function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>, floor = 1e-3): number {
  if (actual.length !== expected.length) return Infinity
  const scale = Array.from(expected).reduce((a, b) => Math.max(a, Math.abs(b)), 0)
  let largest = 0
  for (let index = 0; index < expected.length; index++) {
    const [a, b] = [actual[index] ?? NaN, expected[index] ?? NaN]
    const difference = Math.abs(a - b) / Math.max(Math.abs(b), floor * scale, 1e-7)
    largest = Number.isNaN(difference) ? Infinity : Math.max(largest, difference)
  }
  return largest
}

export function tensorOf({ shape, values }: { readonly shape: readonly number[]; readonly values: readonly number[] }): tf.Tensor {
  return tf.tensor([...values], [...shape], 'float32')
}
