/** Cross-entropy of integer labels, and its gradient. */
import { alongRows, exponentialsOf } from './elementwise.ts'
import type { Value } from './builder.ts'
import type { Lowering } from './lowering.ts'

export const crossEntropy = {
  /** log(sum(exp(z))) - z[label] a row, and softmax(z) - onehot(label). */
  SparseSoftmaxCrossEntropyWithLogits(b, _, z: Value, labels: Value) {
    const { shifted, exponentials, total } = exponentialsOf(b, z)
    const hot = b.compare('EQ', b.iota(1, z.shape, 'i32'), alongRows(b, labels, z))
    const own = b.reduce('add', b.select(hot, shifted, b.scalar(0)), [1])
    const probabilities = b.divide(exponentials, alongRows(b, total, z))
    return [b.subtract(b.unary('log', total), own), b.subtract(probabilities, b.convert(hot, 'f32'))]
  },
} satisfies Record<string, Lowering>
