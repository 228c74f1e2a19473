/** The parameters of a layer and what it costs, as Keras counts them. */
import type { Initializer, Layer } from '../experiment/experiment.ts'
import { asImage, sizeOf } from './output-shape.ts'
import type { Parameter, Shape } from './plan.ts'

const zeros: Initializer = { kind: 'zeros' }
const ones: Initializer = { kind: 'ones' }

/** Inputs and outputs of one unit: compute_fans in keras/src/initializers/random_initializers.py. */
function fansOf(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  const outputs = shape.at(-1) ?? 1
  const inputs = shape.at(-2) ?? outputs
  const receptiveField = sizeOf(shape.slice(0, -2))
  return { fanIn: inputs * receptiveField, fanOut: outputs * receptiveField }
}

function channelsOf(input: Shape): number {
  return input.at(-1) ?? 0
}

/** In Keras's order; moving statistics are parameters that are not trained. */
export function parametersOf(layer: Layer, input: Shape): readonly Parameter[] {
  const parameter = (role: Parameter['role'], shape: Shape, initializer: Initializer, l2 = 0): Parameter => ({
    name: `${layer.name}/${role}`,
    role,
    shape,
    initializer,
    ...fansOf(shape),
    isTrainable: !role.startsWith('moving_'),
    l2,
  })
  const biases = (convolutional: { readonly useBias: boolean; readonly biasInitializer: Initializer }, outputs: number): Parameter[] =>
    convolutional.useBias ? [parameter('bias', [outputs], convolutional.biasInitializer)] : []
  const channels = channelsOf(input)
  switch (layer.kind) {
    case 'conv2d': {
      const shape = [...layer.kernelSize, channels, layer.filters]
      return [parameter('kernel', shape, layer.kernelInitializer, layer.kernelL2), ...biases(layer, layer.filters)]
    }
    case 'separableConv2d': {
      const depthwise = [...layer.kernelSize, channels, layer.depthMultiplier]
      const pointwise = [1, 1, channels * layer.depthMultiplier, layer.filters]
      return [
        parameter('depthwise_kernel', depthwise, layer.depthwiseInitializer, layer.depthwiseL2),
        parameter('pointwise_kernel', pointwise, layer.pointwiseInitializer, layer.pointwiseL2),
        ...biases(layer, layer.filters),
      ]
    }
    case 'depthwiseConv2d': {
      const shape = [...layer.kernelSize, channels, layer.depthMultiplier]
      return [
        parameter('depthwise_kernel', shape, layer.depthwiseInitializer, layer.depthwiseL2),
        ...biases(layer, channels * layer.depthMultiplier),
      ]
    }
    case 'dense':
      return [parameter('kernel', [channels, layer.units], layer.kernelInitializer, layer.kernelL2), ...biases(layer, layer.units)]
    case 'batchNormalization':
      return [
        ...(layer.scale ? [parameter('gamma', [channels], ones)] : []),
        ...(layer.center ? [parameter('beta', [channels], zeros)] : []),
        parameter('moving_mean', [channels], zeros),
        parameter('moving_variance', [channels], ones),
      ]
    case 'maxPooling2d':
    case 'averagePooling2d':
    case 'globalMaxPooling2d':
    case 'globalAveragePooling2d':
    case 'dropout':
    case 'spatialDropout2d':
    case 'flatten':
    case 'activation':
    case 'leakyReLU':
      return []
  }
}

/** Multiply-adds of one image, forward: those of the kernels, and one a value for batch normalization. Biases and activations are free. */
export function multiplyAddsOf(layer: Layer, input: Shape, output: Shape): number {
  if (layer.kind === 'batchNormalization') return sizeOf(output)
  const weights = parametersOf(layer, input)
    .filter(({ role }) => role === 'kernel' || role.endsWith('_kernel'))
    .reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  const image = asImage(output)
  return weights * (image ? image[0] * image[1] : 1)
}

/** How many numbers the parameters hold. */
export function countValues(parameters: readonly Parameter[]): number {
  return parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
}
