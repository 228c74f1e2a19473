import * as tf from '@tensorflow/tfjs-core'
import type { BatchNormalization } from '../experiment/experiment.ts'
import { batchNormTraining, type BatchNormTraining } from '../kernels/batch-norm.ts'
import type { LayerPass } from './layer-pass.ts'

/**
 * Over the last axis of [batch, height, width, channels] or [batch, features]. Training normalises by the batch and moves the averages,
 * moving = moving · momentum + batch · (1 - momentum), with the plain variance; otherwise the averages normalise (Keras 3).
 */
export function batchNormalization(x: tf.Tensor, layer: BatchNormalization, pass: LayerPass): tf.Tensor {
  const channels = x.shape.at(-1) ?? 1
  const images = (x.rank === 4 ? x : tf.reshape(x, [x.shape[0], 1, 1, channels])) as tf.Tensor4D
  const { gamma, beta } = scaleAndShift(pass, channels)
  if (!pass.isTraining) {
    const { mean, variance } = averages(pass)
    return tf.reshape(tf.batchNorm(images, mean, variance, beta, gamma, layer.epsilon), x.shape)
  }
  const normalized = batchNormTraining(images, gamma, beta, layer.epsilon)
  moveAverages(layer, pass, normalized)
  return tf.reshape(normalized.y, x.shape)
}

/** [channels] each. */
export function scaleAndShift(pass: LayerPass, channels: number): { readonly gamma: tf.Tensor1D; readonly beta: tf.Tensor1D } {
  return {
    gamma: (pass.has('gamma') ? pass.variable('gamma') : tf.ones([channels])) as tf.Tensor1D,
    beta: (pass.has('beta') ? pass.variable('beta') : tf.zeros([channels])) as tf.Tensor1D,
  }
}

/** [channels] each. */
export function averages(pass: LayerPass): { readonly mean: tf.Tensor1D; readonly variance: tf.Tensor1D } {
  return { mean: pass.variable('moving_mean') as tf.Tensor1D, variance: pass.variable('moving_variance') as tf.Tensor1D }
}

export function moveAverages(
  { momentum }: BatchNormalization,
  pass: LayerPass,
  { mean, varianceTimes }: Pick<BatchNormTraining, 'mean' | 'varianceTimes'>,
): void {
  const move = (average: tf.Variable, share: tf.Tensor): void => average.assign(tf.add(tf.mul(average, tf.scalar(momentum)), share))
  move(pass.variable('moving_mean'), tf.mul(mean, tf.scalar(1 - momentum)))
  move(pass.variable('moving_variance'), varianceTimes(1 - momentum))
}
