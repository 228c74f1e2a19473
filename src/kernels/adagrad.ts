/**
 * Adagrad (Duchi, Hazan, Singer 2011): accumulator += g², w -= rate · g / (sqrt(accumulator) + epsilon).
 * TensorFlow's fused operation puts epsilon outside the root; the plain form follows it, so that eager and graph agree. Keras 3 has
 * sqrt(accumulator + epsilon): with epsilon 1e-7 and an accumulator of at least 0.1 the difference is below 1e-6 relative.
 */
import * as tf from '@tensorflow/tfjs-core'
import { activeRecorder, attribute } from './tensorflow.ts'

export function applyAdagrad(weights: tf.Variable, accumulator: tf.Variable, gradient: tf.Tensor, rate: tf.Scalar, epsilon: number): void {
  const recorder = activeRecorder()
  if (recorder?.isResource(weights) && recorder.isResource(accumulator)) {
    const attributes = [attribute.type('T', 'float32'), attribute.bool('use_locking', false), attribute.bool('update_slots', true)]
    recorder.emit('ResourceApplyAdagradV2', attributes, [weights, accumulator, rate, tf.scalar(epsilon), gradient], [])
    return
  }
  const sum = tf.add(accumulator, tf.square(gradient))
  accumulator.assign(sum)
  weights.assign(tf.sub(weights, tf.div(tf.mul(rate, gradient), tf.add(tf.sqrt(sum), tf.scalar(epsilon)))))
}
