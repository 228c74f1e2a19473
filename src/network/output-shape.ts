/** The shape that a layer makes of its input's, by TensorFlow's rules for windows, or the fault that keeps it from doing so. */
import type { Layer, Padding, Pair } from '../experiment/experiment.ts'
import type { Shape } from './plan.ts'

export interface ShapeFault {
  readonly code: 'shape-empty' | 'dense-needs-flat' | 'needs-image' | 'unequal-strides'
  readonly message: string
  readonly expected?: string
  readonly received?: string
  readonly hint?: string
}

/** [height, width, channels] or [features]. */
export type ImageShape = readonly [height: number, width: number, channels: number]

export function asImage(shape: Shape): ImageShape | null {
  const [height, width, channels] = shape
  return shape.length === 3 && height !== undefined && width !== undefined && channels !== undefined ? [height, width, channels] : null
}

/** Values of one image: the product of the shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** "24x24x32", or "1024". */
export function writeShape(shape: Shape): string {
  return shape.join('x')
}

/** Places that a window takes along one side: ceil(size / stride) with padding, else as many as lie wholly inside. */
function places(size: number, window: number, stride: number, padding: Padding): number {
  return padding === 'same' ? Math.ceil(size / stride) : Math.max(0, Math.floor((size - window) / stride) + 1)
}

function slide([height, width]: ImageShape, window: Pair, strides: Pair, padding: Padding): Pair {
  return [places(height, window[0], strides[0], padding), places(width, window[1], strides[1], padding)]
}

/** Without the batch dimension. A shape holding 0 never comes back: that is the fault `shape-empty`. */
export function outputShape(layer: Layer, input: Shape): Shape | ShapeFault {
  switch (layer.kind) {
    case 'conv2d':
    case 'separableConv2d':
    case 'depthwiseConv2d':
    case 'maxPooling2d':
    case 'averagePooling2d':
      return windowed(layer, input)
    case 'globalMaxPooling2d':
    case 'globalAveragePooling2d':
    case 'spatialDropout2d': {
      const image = asImage(input)
      if (!image) return needsImage(layer, input)
      return layer.kind === 'spatialDropout2d' ? image : [image[2]]
    }
    case 'dense':
      return input.length === 1 ? [layer.units] : needsFlat(layer, input)
    case 'flatten':
      return [sizeOf(input)]
    case 'batchNormalization':
    case 'dropout':
    case 'activation':
    case 'leakyReLU':
      return input
  }
}

type Windowed = Extract<Layer, { readonly padding: Padding }>

function windowed(layer: Windowed, input: Shape): Shape | ShapeFault {
  const image = asImage(input)
  if (!image) return needsImage(layer, input)
  const isDepthwise = layer.kind === 'separableConv2d' || layer.kind === 'depthwiseConv2d'
  if (isDepthwise && layer.strides[0] !== layer.strides[1]) return unequalStrides(layer)
  const window = 'poolSize' in layer ? layer.poolSize : layer.kernelSize
  const [height, width] = slide(image, window, layer.strides, layer.padding)
  if (height === 0 || width === 0) return shapeEmpty(layer, image, window, [height, width])
  return [height, width, channelsOf(layer, image[2])]
}

function channelsOf(layer: Windowed, channels: number): number {
  if (layer.kind === 'conv2d' || layer.kind === 'separableConv2d') return layer.filters
  return layer.kind === 'depthwiseConv2d' ? channels * layer.depthMultiplier : channels
}

function shapeEmpty(layer: Windowed, input: ImageShape, window: Pair, output: Pair): ShapeFault {
  return {
    code: 'shape-empty',
    message: `${layer.name} makes ${writeShape(output)} of an image of ${writeShape([input[0], input[1]])}`,
    expected: `an image of ${writeShape(window)} or more`,
    received: writeShape(input),
    hint: 'Remove a pooling or a stride before it, set padding: same, or make dataset.image larger.',
  }
}

function needsImage(layer: Layer, input: Shape): ShapeFault {
  return {
    code: 'needs-image',
    message: `${layer.name} needs an image, but the layer before it gives a flat list`,
    expected: 'height x width x channels',
    received: writeShape(input),
    hint: 'Move it before flatten, global pooling and dense layers.',
  }
}

function needsFlat(layer: Layer, input: Shape): ShapeFault {
  return {
    code: 'dense-needs-flat',
    message: `${layer.name} needs a flat list, but the layer before it gives an image`,
    expected: 'a flat list',
    received: writeShape(input),
    hint: 'Put flatten or globalAveragePooling2d before it.',
  }
}

function unequalStrides(layer: Windowed): ShapeFault {
  return {
    code: 'unequal-strides',
    message: `${layer.name} has strides that differ, which TensorFlow's depthwise convolution cannot do`,
    expected: 'the same stride for height and width',
    received: writeShape(layer.strides),
    hint: `Write strides: ${layer.strides[0]}.`,
  }
}
