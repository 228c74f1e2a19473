/**
 * Batch normalisation in training: Ioffe and Szegedy 2015, as Keras 3 computes it.
 *   y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, mean and plain (1/N) variance over batch, height and width.
 */
import * as tf from '@tensorflow/tfjs-core'
import { attribute } from './attributes.ts'
import { batchScalar, execute, isTensorFlow, numberAttribute } from './tensorflow.ts'
import { sharedGradients } from './kept.ts'

export interface BatchNormTraining {
  /** Same shape as x. */
  readonly y: tf.Tensor4D
  /** [channels]; no gradient flows through it. */
  readonly mean: tf.Tensor1D
  /**
   * The variance [channels] times a number. One multiplication, because a graph's optimizer makes one of two and would part, by an ulp,
   * from what runs operation by operation.
   */
  readonly varianceTimes: (factor: number) => tf.Tensor1D
}

const kernelName = 'RunnerBatchNormTraining'

/** x [batch, height, width, channels]; gamma and beta [channels]. */
export function batchNormTraining(x: tf.Tensor4D, gamma: tf.Tensor1D, beta: tf.Tensor1D, epsilon: number): BatchNormTraining {
  if (!isTensorFlow()) {
    const { mean, variance } = tf.moments(x, [0, 1, 2])
    const y = tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon))), gamma), beta)
    const varianceTimes = (factor: number): tf.Tensor1D => tf.mul(variance, tf.scalar(factor))
    return { y: y as tf.Tensor4D, mean: mean as tf.Tensor1D, varianceTimes }
  }
  const [y, mean, corrected] = tf.engine().runKernel<[tf.Tensor4D, tf.Tensor1D, tf.Tensor1D]>(kernelName, { x, gamma, beta }, { epsilon })
  const [batch, height, width] = x.shape
  // The operation hands out the N/(N-1) variance; Keras keeps the plain one.
  const varianceTimes = (factor: number): tf.Tensor1D =>
    tf.mul(
      corrected,
      batchScalar(batch, (images) => factor * (1 - 1 / (images * height * width))),
    )
  return { y, mean, varianceTimes }
}

const types = [attribute.type('T', 'float32'), attribute.type('U', 'float32'), attribute.string('data_format', 'NHWC')]

tf.registerKernel({
  kernelName,
  backendName: 'tensorflow',
  kernelFunc: ({ inputs, attrs }) => {
    const { x, gamma, beta } = inputs as { x: tf.TensorInfo; gamma: tf.TensorInfo; beta: tf.TensorInfo }
    const none = tf.tensor1d([], 'float32')
    const attributes = [
      ...types,
      attribute.float('epsilon', numberAttribute(attrs, 'epsilon')),
      attribute.float('exponential_avg_factor', 1),
      attribute.bool('is_training', true),
    ]
    const outputs = execute('FusedBatchNormV3', attributes, [x, gamma, beta, none, none], 6)
    none.dispose()
    return outputs
  },
})

tf.registerGradient({
  kernelName,
  inputsToSave: ['x', 'gamma'],
  outputsToSave: [false, false, false, true, true, true],
  gradFunc: (dy, saved, attrs) => {
    const [dOutput] = [dy].flat()
    const [x, gamma, reserve1, reserve2, reserve3] = saved
    if (!dOutput || !x || !gamma || !reserve1 || !reserve2 || !reserve3) throw new Error('Internal error: batch norm saved too little')
    const attributes = [...types, attribute.float('epsilon', numberAttribute(attrs, 'epsilon')), attribute.bool('is_training', true)]
    const gradient = sharedGradients(() =>
      execute('FusedBatchNormGradV3', attributes, [dOutput, x, gamma, reserve1, reserve2, reserve3], 5),
    )
    return { x: () => gradient(0), gamma: () => gradient(1), beta: () => gradient(2) }
  },
})
