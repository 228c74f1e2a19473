/**
 * A separable convolution with the relu, the batch normalisation and the pooling behind it, by operations of our own (native/): what stands
 * between the depthwise and the pointwise half, forward and back, and what pooling leaves out never leave the processor's caches. TensorFlow's
 * operations write it to memory each time, and that is what a step waits for.
 */
import * as tf from '@tensorflow/tfjs-core'
import { sharedGradients } from './kept.ts'
import { attribute } from './attributes.ts'
import { execute, executeOne, namedInputs, numberAttribute } from './tensorflow.ts'

export interface Separable {
  /** [batch, height, width, channels] */
  readonly x: tf.Tensor4D
  /** [3, 3, channels, 1]; stride 1, padding "same". */
  readonly depthwise: tf.Tensor4D
  /** [1, 1, channels, filters] */
  readonly w: tf.Tensor4D
  /** [filters] */
  readonly b: tf.Tensor1D
}

const relu = (attributes: tf.NamedAttrMap | undefined) => attribute.bool('relu', attributes?.['relu'] === true)

/** The convolution plus b, or its relu: [batch, height, width, filters]. */
export function separable(inputs: Separable, hasRelu: boolean): tf.Tensor4D {
  return tf.engine().runKernel('RunnerSeparable', { ...inputs }, { relu: hasRelu })
}

tf.registerKernel({
  kernelName: 'RunnerSeparable',
  backendName: 'tensorflow',
  kernelFunc: ({ inputs, attrs }) => executeOne('RunnerSeparable', [relu(attrs)], namedInputs(inputs, ['x', 'depthwise', 'w', 'b'])),
})
tf.registerGradient({
  kernelName: 'RunnerSeparable',
  inputsToSave: ['x', 'depthwise', 'w', 'b'],
  outputsToSave: [true],
  gradFunc: (dy, saved, attrs) => {
    const [dOutput] = [dy].flat()
    const [x, depthwise, w, b, y] = saved
    if (!dOutput || !x || !depthwise || !w || !b || !y) throw new Error('Internal error: a separable convolution saved too little')
    const gradient = sharedGradients(() => execute('RunnerSeparableGrad', [relu(attrs)], [dOutput, y, x, depthwise, w, b], 4))
    return { x: () => gradient(0), depthwise: () => gradient(1), w: () => gradient(2), b: () => gradient(3) }
  },
})

export interface NormalizedSeparable extends Separable {
  /** [filters] each. */
  readonly gamma: tf.Tensor1D
  readonly beta: tf.Tensor1D
}

export interface Normalized {
  /** [batch, height, width, filters], or half as high and as wide where pooled. */
  readonly z: tf.Tensor4D
  /** [filters] each, the plain (1/N) variance; no gradient flows through them. */
  readonly mean: tf.Tensor1D
  readonly variance: tf.Tensor1D
}

export interface NormalizedOptions {
  readonly epsilon: number
  readonly hasRelu: boolean
  readonly isPooled: boolean
}

type NormalizedKernel = 'RunnerSeparableNorm' | 'RunnerSeparableNormPool'

/**
 * As `separable`, normalised over the batch: gamma (y - mean) / sqrt(variance + epsilon) + beta. Where `isPooled`, of each 2x2 of those the
 * largest; height and width must be even.
 */
export function normalizedSeparable(inputs: NormalizedSeparable, { epsilon, hasRelu, isPooled }: NormalizedOptions): Normalized {
  const kernel: NormalizedKernel = isPooled ? 'RunnerSeparableNormPool' : 'RunnerSeparableNorm'
  const [, z, mean, variance] = tf
    .engine()
    .runKernel<[tf.Tensor4D, tf.Tensor4D, tf.Tensor1D, tf.Tensor1D]>(kernel, { ...inputs }, { epsilon, relu: hasRelu })
  return { z, mean, variance }
}

export interface NormalizedByAverages extends NormalizedSeparable {
  /** [filters] each. */
  readonly mean: tf.Tensor1D
  readonly variance: tf.Tensor1D
}

/** As `normalizedSeparable`, normalised by the moments that it is given, without a gradient: [batch, height, width, filters], or half as high and as wide. */
export function separableInference(inputs: NormalizedByAverages, { epsilon, hasRelu, isPooled }: NormalizedOptions): tf.Tensor4D {
  const kernel: NormalizedKernel = isPooled ? 'RunnerSeparableNormPool' : 'RunnerSeparableNorm'
  return tf.engine().runKernel(`${kernel}Inference`, { ...inputs }, { epsilon, relu: hasRelu })
}

registerNormalized('RunnerSeparableNorm', 5)
registerNormalized('RunnerSeparableNormPool', 6)

/** Its outputs are y, z, mean, variance, 1 / sqrt(variance + epsilon) and, of what is pooled, y where z is largest. */
function registerNormalized(kernelName: NormalizedKernel, outputs: 5 | 6): void {
  const attributesOf = (attrs: tf.NamedAttrMap | undefined) => [relu(attrs), attribute.float('epsilon', numberAttribute(attrs, 'epsilon'))]
  const names = ['x', 'depthwise', 'w', 'b', 'gamma', 'beta']
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, attrs }) => execute(kernelName, attributesOf(attrs), namedInputs(inputs, names), outputs),
  })
  tf.registerKernel({
    kernelName: `${kernelName}Inference`,
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, attrs }) =>
      executeOne(`${kernelName}Inference`, attributesOf(attrs), namedInputs(inputs, [...names, 'mean', 'variance'])),
  })
  tf.registerGradient({
    kernelName,
    inputsToSave: ['x', 'depthwise', 'w', 'b', 'gamma', 'beta'],
    outputsToSave: [true, false, true, false, true, ...(outputs === 6 ? [true] : [])],
    gradFunc: (dy, saved, attrs) => {
      const dz = [dy].flat()[1]
      const [x, depthwise, w, b, gamma, beta, y, mean, inverse, ...peaks] = saved
      if (!dz || !x || !depthwise || !w || !b || !gamma || !beta || !y || !mean || !inverse || peaks.length !== outputs - 5)
        throw new Error('Internal error: a separable convolution saved too little')
      const inputs = [dz, y, x, depthwise, w, b, gamma, beta, mean, inverse, ...peaks]
      const gradient = sharedGradients(() => execute(`${kernelName}Grad`, [relu(attrs)], inputs, 6))
      return {
        x: () => gradient(0),
        depthwise: () => gradient(1),
        w: () => gradient(2),
        b: () => gradient(3),
        gamma: () => gradient(4),
        beta: () => gradient(5),
      }
    },
  })
}
