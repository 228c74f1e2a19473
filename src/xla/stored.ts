/**
 * What a training in bfloat16 keeps in two bytes: the maps of images between layers, forward and back. Weights, their gradients, statistics,
 * the features of whole images, the loss and the metrics stay float32; arithmetic is float32 everywhere but in products.
 */
import type { Operation } from '../graph/nodes.ts'
import type { Value } from './builder.ts'

/** Operations whose outputs are sums over images, or whose second and later outputs are. */
const sumsOverImages: readonly string[] = [
  'BiasAddGrad',
  'Conv2DBackpropFilter',
  'DepthwiseConv2dNativeBackpropFilter',
  'ResourceApplyAdagradV2',
]
const laterOutputsAreSums: readonly string[] = ['FusedBatchNormV3', 'FusedBatchNormGradV3']

export function isStoredShort({ op, attributes }: Operation, output: number, { type, shape }: Value, batch: number): boolean {
  if (type !== 'f32' || sumsOverImages.includes(op) || (laterOutputsAreSums.includes(op) && output > 0)) return false
  if (op === 'MatMul' && attributes.some(({ name, value }) => name === 'transpose_a' && value === true)) return false
  const [rows = 0] = shape
  // [images, height, width, channels], or those as rows for a product; a row an image is what the loss is made of.
  return shape.length === 4 ? rows === batch : shape.length === 2 && rows > batch && rows % batch === 0
}
