/** Matrix products and what goes with them. */
import { lastAxis } from './batch-norm.ts'
import type { Value } from './builder.ts'
import type { Lowering } from './lowering.ts'

export const products = {
  MatMul: (b, attributes, x: Value, y: Value) => b.dot(x, y, attributes.flag('transpose_a'), attributes.flag('transpose_b')),
  BiasAdd: (b, _, x: Value, bias: Value) => b.add(x, lastAxis(b, bias, x)),
  BiasAddGrad: (b, _, dy: Value) =>
    b.reduce(
      'add',
      dy,
      dy.shape.slice(0, -1).map((_size, axis) => axis),
    ),
} satisfies Record<string, Lowering>
