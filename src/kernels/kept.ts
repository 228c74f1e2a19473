/**
 * tfjs runs each input's gradient closure in a tidy of its own, so the outputs of one operation that yields several gradients would be
 * disposed of between closures. They are kept here instead, and released by whoever ran the step.
 */
import * as tf from '@tensorflow/tfjs-core'

const kept: tf.Tensor[] = []

/** Closures over the outputs of `compute`, which runs once, when the first of them is asked. */
export function sharedGradients(compute: () => tf.Tensor[]): (index: number) => tf.Tensor {
  let outputs: tf.Tensor[] | null = null
  return (index) => {
    if (!outputs) {
      outputs = compute().map((output) => tf.keep(output))
      kept.push(...outputs)
    }
    const output = outputs[index]
    if (!output) throw new Error(`Internal error: no gradient number ${index}`)
    return tf.clone(output)
  }
}

/** Disposes of everything that gradients of the last step kept. */
export function releaseGradients(): void {
  tf.dispose(kept)
  kept.length = 0
}
