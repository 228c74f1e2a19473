/**
 * Adagrad (Duchi, Hazan, Singer 2011) as Keras 3 has it: accumulator += g², w -= rate · g / sqrt(accumulator + epsilon).
 * TensorFlow's fused operation adds epsilon behind the root. The accumulator therefore begins with epsilon already in it, and the operation
 * is given none: the same numbers, in one operation.
 */
import * as tf from '@tensorflow/tfjs-core'
import { attribute } from './attributes.ts'
import { activeRecorder } from './tensorflow.ts'

/** What the accumulator begins with: Keras's initial value, and epsilon. */
export function adagradAccumulator(initialAccumulatorValue: number, epsilon: number): number {
  return initialAccumulatorValue + epsilon
}

/** The accumulator holds epsilon, see above. */
export function applyAdagrad(weights: tf.Variable, accumulator: tf.Variable, gradient: tf.Tensor, rate: tf.Scalar): void {
  const recorder = activeRecorder()
  if (recorder?.isResource(weights) && recorder.isResource(accumulator)) {
    const attributes = [attribute.type('T', 'float32'), attribute.bool('use_locking', false), attribute.bool('update_slots', true)]
    recorder.emit('ResourceApplyAdagradV2', attributes, [weights, accumulator, rate, tf.scalar(0), gradient], [])
    return
  }
  const sum = tf.add(accumulator, tf.square(gradient))
  accumulator.assign(sum)
  weights.assign(tf.sub(weights, tf.div(tf.mul(rate, gradient), tf.sqrt(sum))))
}
