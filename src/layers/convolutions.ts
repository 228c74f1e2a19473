/** Convolutions over [batch, height, width, channels]. A 1x1 convolution is a matrix product, which TensorFlow runs faster. */
import * as tf from '@tensorflow/tfjs-core'
import type { BatchNormalization, Conv2d, DepthwiseConv2d, SeparableConv2d } from '../experiment/experiment.ts'
import { biasAdd, matMul2d } from '../kernels/dense.ts'
import { normalizedSeparable, separable, separableInference, type Separable } from '../kernels/separable.ts'
import { inScope } from '../kernels/tensorflow.ts'
import { isFusable } from '../network/fusion.ts'
import { activate } from './activations.ts'
import { averages, moveAverages, scaleAndShift } from './batch-normalization.ts'
import type { LayerPass } from './layer-pass.ts'

export function conv2d(x: tf.Tensor4D, layer: Conv2d, pass: LayerPass): tf.Tensor {
  const kernel = pass.variable('kernel') as tf.Tensor4D
  const isPointwise = [...layer.kernelSize, ...layer.strides].every((side) => side === 1)
  return isPointwise ? pointwise(x, kernel, layer, pass) : finish(tf.conv2d(x, kernel, [...layer.strides], layer.padding), layer, pass)
}

export function depthwiseConv2d(x: tf.Tensor4D, layer: DepthwiseConv2d, pass: LayerPass): tf.Tensor {
  return finish(depthwise(x, layer, pass), layer, pass)
}

export function separableConv2d(x: tf.Tensor4D, layer: SeparableConv2d, pass: LayerPass): tf.Tensor {
  if (pass.isNative && isFusable(layer)) {
    const isRelu = layer.activation === 'relu'
    const y = separable(inputsOf(x, pass), isRelu)
    return isRelu ? y : activate(y, layer.activation)
  }
  return pointwise(depthwise(x, layer, pass), pass.variable('pointwise_kernel') as tf.Tensor4D, layer, pass)
}

function inputsOf(x: tf.Tensor4D, pass: LayerPass): Separable {
  return {
    x,
    depthwise: pass.variable('depthwise_kernel') as tf.Tensor4D,
    w: pass.variable('pointwise_kernel') as tf.Tensor4D,
    b: pass.variable('bias') as tf.Tensor1D,
  }
}

/** A separable convolution, the batch normalisation behind it and, if it is pooled, the 2x2 maxima of that as one operation. */
export function normalizedSeparableConv2d(
  x: tf.Tensor4D,
  [layer, pass]: readonly [SeparableConv2d, LayerPass],
  [normalization, normalizationPass]: readonly [BatchNormalization, LayerPass],
  isPooled: boolean,
): tf.Tensor4D {
  const inputs = { ...inputsOf(x, pass), ...scaleAndShift(normalizationPass, layer.filters) }
  const options = { epsilon: normalization.epsilon, hasRelu: layer.activation === 'relu', isPooled }
  if (!pass.isTraining) return inScope(layer.name, () => separableInference({ ...inputs, ...averages(normalizationPass) }, options))
  const { z, mean, variance } = inScope(layer.name, () => normalizedSeparable(inputs, options))
  const varianceTimes = (factor: number): tf.Tensor1D => tf.mul(variance, tf.scalar(factor))
  inScope(normalization.name, () => moveAverages(normalization, normalizationPass, { mean, varianceTimes }))
  return z
}

function depthwise(x: tf.Tensor4D, layer: DepthwiseConv2d | SeparableConv2d, pass: LayerPass): tf.Tensor4D {
  return tf.depthwiseConv2d(x, pass.variable('depthwise_kernel') as tf.Tensor4D, [...layer.strides], layer.padding)
}

/** kernel [1, 1, in, out]. Bias and activation see the product's rows, because TensorFlow fuses the three only where no reshape parts them. */
function pointwise(x: tf.Tensor4D, kernel: tf.Tensor4D, layer: Conv2d | SeparableConv2d, pass: LayerPass): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape
  const filters = kernel.shape[3]
  const rows = tf.reshape<tf.Rank.R2>(x, [batch * height * width, channels])
  const product = matMul2d(rows, tf.reshape(kernel, [channels, filters]))
  return tf.reshape(finish(product, layer, pass), [batch, height, width, filters])
}

function finish(x: tf.Tensor, layer: Conv2d | DepthwiseConv2d | SeparableConv2d, pass: LayerPass): tf.Tensor {
  return activate(layer.useBias ? biasAdd(x, pass.variable('bias') as tf.Tensor1D) : x, layer.activation)
}
