/** The network in the format of tfjs-layers: a `model.json` that stock `tf.loadLayersModel` reads, beside one `weights.bin`. */
import type { Activation, Initializer, Layer } from '../experiment/experiment.ts'
import { asImage } from './output-shape.ts'
import type { Network, PlannedLayer, Shape } from './plan.ts'

/** What `model.json` holds. `weights.bin` is every parameter as little-endian float32, in the order of `network.parameters`. */
export interface TfjsModel {
  readonly format: 'layers-model'
  readonly generatedBy: string
  readonly convertedBy: null
  readonly modelTopology: {
    readonly class_name: 'Sequential'
    readonly config: { readonly name: string; readonly layers: readonly TfjsLayer[] }
    readonly keras_version: string
    readonly backend: 'tensor_flow.js'
  }
  readonly weightsManifest: readonly [
    {
      readonly paths: readonly ['weights.bin']
      readonly weights: readonly { readonly name: string; readonly shape: Shape; readonly dtype: 'float32' }[]
    },
  ]
}

/** A layer as Keras writes it down: the class's name and its options in snake case. */
interface TfjsLayer {
  readonly class_name: string
  readonly config: Readonly<Record<string, unknown>> & { readonly name: string }
}

/** The slope of the activation `leakyReLU` (Keras 3), which in tfjs-layers is a layer only. */
const leakyReLUSlope = 0.2

/** The model takes float32 [batch, height, width, channels] in 0 … 1 and gives probabilities: the head's activation is put back. */
export function tfjsModel(network: Network, name: string): TfjsModel {
  return {
    format: 'layers-model',
    generatedBy: 'runner',
    convertedBy: null,
    modelTopology: {
      class_name: 'Sequential',
      config: { name, layers: [inputLayer(network.inputShape), ...network.layers.flatMap(tfjsLayers), headLayer(network)] },
      keras_version: 'tfjs-layers 4.22.0',
      backend: 'tensor_flow.js',
    },
    weightsManifest: [
      { paths: ['weights.bin'], weights: network.parameters.map(({ name, shape }) => ({ name, shape, dtype: 'float32' as const })) },
    ],
  }
}

function inputLayer(shape: Shape): TfjsLayer {
  return { class_name: 'InputLayer', config: { name: 'images', batch_input_shape: [null, ...shape], dtype: 'float32', sparse: false } }
}

function headLayer({ head }: Network): TfjsLayer {
  return { class_name: 'Activation', config: { name: 'probabilities', activation: head, trainable: true } }
}

/** One layer; two where the activation is no activation by name in tfjs-layers. */
function tfjsLayers(planned: PlannedLayer): TfjsLayer[] {
  const { layer } = planned
  const config = { name: layer.name, trainable: true, ...optionsOf(planned) }
  const own = { class_name: className(layer), config }
  const isLeaky = 'activation' in layer && layer.activation === 'leakyReLU' && layer.kind !== 'activation'
  if (!isLeaky) return [own]
  return [own, { class_name: 'LeakyReLU', config: { name: `${layer.name}_activation`, alpha: leakyReLUSlope, trainable: true } }]
}

const classNames = {
  conv2d: 'Conv2D',
  separableConv2d: 'SeparableConv2D',
  depthwiseConv2d: 'DepthwiseConv2D',
  dense: 'Dense',
  batchNormalization: 'BatchNormalization',
  maxPooling2d: 'MaxPooling2D',
  averagePooling2d: 'AveragePooling2D',
  globalMaxPooling2d: 'GlobalMaxPooling2D',
  globalAveragePooling2d: 'GlobalAveragePooling2D',
  dropout: 'Dropout',
  spatialDropout2d: 'Dropout',
  flatten: 'Flatten',
  activation: 'Activation',
  leakyReLU: 'LeakyReLU',
} satisfies Record<Layer['kind'], string>

function className(layer: Layer): string {
  return layer.kind === 'activation' && layer.activation === 'leakyReLU' ? 'LeakyReLU' : classNames[layer.kind]
}

function optionsOf({ layer, inputShape }: PlannedLayer): Record<string, unknown> {
  switch (layer.kind) {
    case 'conv2d':
      return {
        ...window(layer.kernelSize, layer),
        filters: layer.filters,
        kernel_initializer: initializer(layer.kernelInitializer),
        kernel_regularizer: l2(layer.kernelL2),
      }
    case 'separableConv2d':
      return {
        ...window(layer.kernelSize, layer),
        filters: layer.filters,
        depth_multiplier: layer.depthMultiplier,
        depthwise_initializer: initializer(layer.depthwiseInitializer),
        pointwise_initializer: initializer(layer.pointwiseInitializer),
        depthwise_regularizer: l2(layer.depthwiseL2),
        pointwise_regularizer: l2(layer.pointwiseL2),
      }
    case 'depthwiseConv2d':
      return {
        ...window(layer.kernelSize, layer),
        depth_multiplier: layer.depthMultiplier,
        depthwise_initializer: initializer(layer.depthwiseInitializer),
        depthwise_regularizer: l2(layer.depthwiseL2),
      }
    case 'dense':
      return {
        units: layer.units,
        ...activated(layer),
        kernel_initializer: initializer(layer.kernelInitializer),
        kernel_regularizer: l2(layer.kernelL2),
      }
    case 'batchNormalization':
      return { axis: -1, momentum: layer.momentum, epsilon: layer.epsilon, center: layer.center, scale: layer.scale }
    case 'maxPooling2d':
    case 'averagePooling2d':
      return { pool_size: layer.poolSize, strides: layer.strides, padding: layer.padding, data_format: 'channels_last' }
    case 'globalMaxPooling2d':
    case 'globalAveragePooling2d':
    case 'flatten':
      return { data_format: 'channels_last' }
    case 'dropout':
      return { rate: layer.rate }
    case 'spatialDropout2d':
      return { rate: layer.rate, noise_shape: [null, 1, 1, asImage(inputShape)?.[2] ?? null] }
    case 'activation':
      return layer.activation === 'leakyReLU' ? { alpha: leakyReLUSlope } : { activation: layer.activation }
    case 'leakyReLU':
      return { alpha: layer.alpha }
  }
}

type Convolution = Extract<Layer, { readonly kernelSize: unknown }>

function window(kernelSize: Convolution['kernelSize'], layer: Convolution): Record<string, unknown> {
  return {
    kernel_size: kernelSize,
    strides: layer.strides,
    padding: layer.padding,
    data_format: 'channels_last',
    dilation_rate: [1, 1],
    ...activated(layer),
  }
}

interface Activated {
  readonly activation: Activation
  readonly useBias: boolean
  readonly biasInitializer: Initializer
}

function activated(layer: Activated): Record<string, unknown> {
  return {
    activation: layer.activation === 'leakyReLU' ? 'linear' : layer.activation,
    use_bias: layer.useBias,
    bias_initializer: initializer(layer.biasInitializer),
  }
}

function l2(factor: number): Record<string, unknown> | null {
  return factor === 0 ? null : { class_name: 'L1L2', config: { l1: 0, l2: factor } }
}

function initializer(initializer: Initializer): Record<string, unknown> {
  const { kind, ...config } = initializer
  return { class_name: initializerNames[kind], config }
}

const initializerNames = {
  zeros: 'Zeros',
  ones: 'Ones',
  constant: 'Constant',
  randomUniform: 'RandomUniform',
  randomNormal: 'RandomNormal',
  truncatedNormal: 'TruncatedNormal',
  glorotUniform: 'GlorotUniform',
  glorotNormal: 'GlorotNormal',
  heUniform: 'HeUniform',
  heNormal: 'HeNormal',
  lecunUniform: 'LeCunUniform',
  lecunNormal: 'LeCunNormal',
} satisfies Record<Initializer['kind'], string>
