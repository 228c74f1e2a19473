/** Cross-entropy of integer labels from logits: log(sum(exp(z))) - z[label], one value a row. */
import * as tf from '@tensorflow/tfjs-core'
import { attribute } from './attributes.ts'
import { execute, isTensorFlow } from './tensorflow.ts'

/** logits [b, k] float32, labels [b] int32 -> [b]. The gradient goes to the logits: softmax(z) - onehot(label). */
export function sparseSoftmaxCrossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D {
  if (!isTensorFlow()) {
    const target = tf.oneHot(labels, logits.shape[1])
    return tf.sub(tf.logSumExp(logits, 1), tf.sum(tf.mul(logits, target), 1))
  }
  const [loss] = tf.engine().runKernel<[tf.Tensor1D]>('RunnerSparseSoftmaxCrossEntropy', { logits, labels })
  return loss
}

tf.registerKernel({
  kernelName: 'RunnerSparseSoftmaxCrossEntropy',
  backendName: 'tensorflow',
  kernelFunc: ({ inputs }) => {
    const { logits, labels } = inputs as { logits: tf.TensorInfo; labels: tf.TensorInfo }
    const attributes = [attribute.type('T', 'float32'), attribute.type('Tlabels', 'int32')]
    return execute('SparseSoftmaxCrossEntropyWithLogits', attributes, [logits, labels], 2)
  },
})
tf.registerGradient({
  kernelName: 'RunnerSparseSoftmaxCrossEntropy',
  inputsToSave: ['labels'],
  outputsToSave: [false, true],
  gradFunc: (dy, saved) => {
    const [dLoss] = [dy].flat()
    const [labels, backprop] = saved
    if (!dLoss || !labels || !backprop) throw new Error('Internal error: cross-entropy saved too little')
    return { logits: () => tf.mul(tf.reshape(dLoss, [-1, 1]), backprop), labels: () => tf.zerosLike(labels) }
  },
})
