import * as tf from '@tensorflow/tfjs-core'
import type { BatchNormalization } from '../experiment/experiment.ts'
import { batchNormTraining } from '../kernels/batch-norm.ts'
import type { LayerPass } from './layer-pass.ts'

/**
 * Over the last axis of [batch, height, width, channels] or [batch, features]. Training normalises by the batch and moves the averages,
 * moving = moving · momentum + batch · (1 - momentum), with the plain variance; otherwise the averages normalise (Keras 3).
 */
export function batchNormalization(x: tf.Tensor, layer: BatchNormalization, pass: LayerPass): tf.Tensor {
  const channels = x.shape.at(-1) ?? 1
  const images = (x.rank === 4 ? x : tf.reshape(x, [x.shape[0], 1, 1, channels])) as tf.Tensor4D
  const gamma = (pass.has('gamma') ? pass.variable('gamma') : tf.ones([channels])) as tf.Tensor1D
  const beta = (pass.has('beta') ? pass.variable('beta') : tf.zeros([channels])) as tf.Tensor1D
  const movingMean = pass.variable('moving_mean')
  const movingVariance = pass.variable('moving_variance')
  if (!pass.isTraining) {
    const y = tf.batchNorm(images, movingMean as tf.Tensor1D, movingVariance as tf.Tensor1D, beta, gamma, layer.epsilon)
    return tf.reshape(y, x.shape)
  }
  const { y, mean, varianceTimes } = batchNormTraining(images, gamma, beta, layer.epsilon)
  const move = (average: tf.Variable, share: tf.Tensor): void => average.assign(tf.add(tf.mul(average, tf.scalar(layer.momentum)), share))
  move(movingMean, tf.mul(mean, tf.scalar(1 - layer.momentum)))
  move(movingVariance, varianceTimes(1 - layer.momentum))
  return tf.reshape(y, x.shape)
}
