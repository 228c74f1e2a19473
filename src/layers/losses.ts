/** The objective, as Keras computes it. */
import * as tf from '@tensorflow/tfjs-core'
import type { Loss } from '../experiment/experiment.ts'
import { gatherRows } from '../kernels/gather.ts'
import { sparseSoftmaxCrossEntropy } from '../kernels/cross-entropy.ts'
import { batchScalar } from '../kernels/tensorflow.ts'
import type { Network } from '../network/plan.ts'
import type { Variables } from './forward.ts'

/** logits [b, k], labels int32 [b] -> the loss of each image [b]. */
type LossOfRows = (logits: tf.Tensor2D, labels: tf.Tensor1D) => tf.Tensor1D

const losses: Record<Loss, LossOfRows> = {
  /** Over a 2-way softmax the mean over the two outputs is the cross-entropy, since 1 - p[other] = p[label]. */
  binaryCrossentropy: sparseSoftmaxCrossEntropy,
  categoricalCrossentropy: sparseSoftmaxCrossEntropy,
  /** mean over k of softplus(z[k]) - z[k] · onehot(label)[k] */
  sigmoidCrossentropy(logits, labels) {
    const targets = tf.oneHot(labels, logits.shape[1])
    return tf.mul(tf.sum(tf.sub(tf.softplus(logits), tf.mul(logits, targets)), 1), tf.scalar(1 / logits.shape[1]))
  },
}

/** The loss weighted by class, divided by the batch size (Keras's sum_over_batch_size). classWeights [k] -> scalar. */
export function weightedLoss(loss: Loss, logits: tf.Tensor2D, labels: tf.Tensor1D, classWeights: tf.Tensor1D): tf.Scalar {
  const weighted = tf.mul(losses[loss](logits, labels), gatherRows(classWeights, labels))
  return tf.mul(
    tf.sum(weighted),
    batchScalar(logits.shape[0], (batch) => 1 / batch),
  )
}

/** sum over parameters of l2 · sum(w²), or null where there is none. */
export function l2Penalty(network: Network, variables: Variables): tf.Scalar | null {
  let penalty: tf.Scalar | null = null
  for (const { name, l2 } of network.parameters) {
    const variable = variables.get(name)
    if (l2 === 0 || !variable) continue
    const term = tf.mul<tf.Scalar>(tf.sum(tf.square(variable)), tf.scalar(l2))
    penalty = penalty ? tf.add(penalty, term) : term
  }
  return penalty
}
