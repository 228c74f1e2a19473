/** Activations by name, as Keras defines them. */
import * as tf from '@tensorflow/tfjs-core'
import type { Activation } from '../experiment/experiment.ts'
import { relu } from '../kernels/dense.ts'

const activations = {
  linear: (x) => x,
  relu,
  relu6: (x) => tf.relu6(x),
  leakyReLU: (x) => tf.leakyRelu(x, 0.2),
  elu: (x) => tf.elu(x),
  selu: (x) => tf.selu(x),
  sigmoid: (x) => tf.sigmoid(x),
  tanh: (x) => tf.tanh(x),
  softplus: (x) => tf.softplus(x),
  swish: (x) => tf.mul(x, tf.sigmoid(x)),
  softmax: (x) => tf.softmax(x),
} satisfies Record<Activation, (x: tf.Tensor) => tf.Tensor>

export function activate(x: tf.Tensor, activation: Activation): tf.Tensor {
  return activations[activation](x)
}
