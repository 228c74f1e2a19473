/** The objective, as Keras computes it. */
import * as tf from '@tensorflow/tfjs-core'
import { gatherRows } from '../kernels/gather.ts'
import { sparseSoftmaxCrossEntropy } from '../kernels/cross-entropy.ts'
import { batchScalar } from '../kernels/tensorflow.ts'
import type { Network } from '../network/plan.ts'
import type { Variables } from './forward.ts'

/**
 * Cross-entropy weighted by class, divided by the batch size (Keras's sum_over_batch_size). Serves both losses: over a 2-way softmax,
 * binary cross-entropy's mean over the two outputs is the cross-entropy, since 1 - p[other] = p[label].
 * logits [b, k], labels int32 [b], classWeights [k] -> scalar.
 */
export function weightedCrossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D, classWeights: tf.Tensor1D): tf.Scalar {
  const weighted = tf.mul(sparseSoftmaxCrossEntropy(logits, labels), gatherRows(classWeights, labels))
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
