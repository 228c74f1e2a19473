import type * as tf from '@tensorflow/tfjs-core'
import type { Dense } from '../experiment/experiment.ts'
import { biasAdd, matMul2d } from '../kernels/dense.ts'
import { activate } from './activations.ts'
import type { LayerPass } from './layer-pass.ts'

/** x [batch, features] -> [batch, units]. */
export function dense(x: tf.Tensor2D, layer: Dense, pass: LayerPass): tf.Tensor {
  const product = matMul2d(x, pass.variable('kernel') as tf.Tensor2D)
  return activate(layer.useBias ? biasAdd(product, pass.variable('bias') as tf.Tensor1D) : product, layer.activation)
}
