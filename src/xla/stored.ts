/**
 * What a training in bfloat16 keeps in two bytes: the maps of images between layers, forward and back. Weights, their gradients, statistics,
 * the features of whole images, the loss and the metrics stay float32; arithmetic is float32 everywhere but in products.
 */
import type { Operation } from '../graph/nodes.ts'
import { numbersOf } from './lowering.ts'
import type { Value } from './builder.ts'

/** Whether an output has a value for each image, given inputs of which some have; a sum over images ends that, and what is made of sums has none either. */
export function staysOfImages({ op, attributes }: Operation, output: number, inputs: readonly Value[]): boolean {
  switch (op) {
    case 'BiasAddGrad':
    case 'Conv2DBackpropFilter':
    case 'DepthwiseConv2dNativeBackpropFilter':
      return false
    case 'FusedBatchNormV3':
    case 'FusedBatchNormGradV3':
      return output === 0
    case 'MatMul':
      return !attributes.some(({ name, value }) => name === 'transpose_a' && value === true)
    case 'Sum':
    case 'Mean':
    case 'Max':
      return inputs[1] ? !numbersOf(inputs[1]).includes(0) : true
    default:
      return true
  }
}

/** Of values for each image those that are maps: [images, height, width, channels], or these as rows for a product. */
export function isStoredShort({ type, shape }: Value, batch: number): boolean {
  if (type !== 'f32') return false
  const [rows = 0, height = 1, width = 1] = shape
  return shape.length === 4 ? height * width > 1 : shape.length === 2 && rows > batch
}
