/** Arithmetic, comparisons and activations, element by element. */
import { tensorType, type Builder, type Value } from './builder.ts'
import type { Lowering } from './lowering.ts'

const zero = (b: Builder): Value => b.scalar(0)
const one = (b: Builder): Value => b.scalar(1)

const arithmetic = (op: 'add' | 'subtract' | 'multiply' | 'divide'): Lowering => {
  return (b, _, x: Value, y: Value) => b.binary(op, x, y)
}

const select: Lowering = (b, _, condition: Value, x: Value, y: Value) => b.select(condition, x, y)

/** log(1 + exp(x)), exact where x is large. */
export function softplus(b: Builder, x: Value): Value {
  return b.add(b.binary('maximum', x, zero(b)), b.unary('log_plus_one', b.unary('exponential', b.unary('negate', b.unary('abs', x)))))
}

/** Klambauer et al. 2017. */
const seluScaledAlpha = 1.7580993408473766
const seluScale = 1.0507009873554805

export const elementwise = {
  Add: arithmetic('add'),
  Sub: arithmetic('subtract'),
  Mul: arithmetic('multiply'),
  RealDiv: arithmetic('divide'),
  Neg: (b, _, x: Value) => b.unary('negate', x),
  Exp: (b, _, x: Value) => b.unary('exponential', x),
  Sqrt: (b, _, x: Value) => b.unary('sqrt', x),
  Rsqrt: (b, _, x: Value) => b.unary('rsqrt', x),
  Square: (b, _, x: Value) => b.multiply(x, x),
  Identity: (_b, _, x: Value) => x,
  Cast: (b, attributes, x: Value) => b.convert(x, attributes.type('DstT')),
  Bitcast(b, attributes, x: Value) {
    const to = attributes.type('type')
    if (x.type !== 'i32' || to !== 'ui8') throw new Error(`a bitcast from ${x.type} to ${to}`)
    return b.bitcast(x, to, [...x.shape, 4])
  },
  Equal: (b, _, x: Value, y: Value) => b.compare('EQ', x, y),
  Greater: (b, _, x: Value, y: Value) => b.compare('GT', x, y),
  GreaterEqual: (b, _, x: Value, y: Value) => b.compare('GE', x, y),
  LessEqual: (b, _, x: Value, y: Value) => b.compare('LE', x, y),
  IsNan: (b, _, x: Value) => b.compare('NE', x, x),
  Select: select,
  SelectV2: select,
  ZerosLike: (b, _, x: Value) => b.constant([0], x.shape, x.type),
  Relu: (b, _, x: Value) => b.binary('maximum', x, zero(b)),
  ReluGrad: (b, _, dy: Value, y: Value) => b.select(b.compare('GT', y, zero(b)), dy, zero(b)),
  Relu6: (b, _, x: Value) => b.clamp(zero(b), x, b.scalar(6)),
  LeakyRelu: (b, attributes, x: Value) => b.select(b.compare('GT', x, zero(b)), x, b.multiply(x, b.scalar(attributes.number('alpha')))),
  Elu: (b, _, x: Value) => b.select(b.compare('GT', x, zero(b)), x, b.unary('exponential_minus_one', x)),
  /** By the output: y + 1 is the exponential where y is negative. */
  EluGrad: (b, _, dy: Value, y: Value) => b.select(b.compare('GT', y, zero(b)), dy, b.multiply(dy, b.add(y, one(b)))),
  Selu(b, _, x: Value) {
    const negative = b.multiply(b.unary('exponential_minus_one', x), b.scalar(seluScaledAlpha))
    return b.select(b.compare('GT', x, zero(b)), b.multiply(x, b.scalar(seluScale)), negative)
  },
  Sigmoid: (b, _, x: Value) => b.unary('logistic', x),
  Tanh: (b, _, x: Value) => b.unary('tanh', x),
  Softplus: (b, _, x: Value) => softplus(b, x),
  Softmax(b, _, x: Value) {
    const { exponentials, total } = exponentialsOf(b, x)
    return b.divide(exponentials, alongRows(b, total, x))
  },
} satisfies Record<string, Lowering>

/** Of rows [n, k]: z less each row's largest, the exponentials of that, and their sums [n]. */
export function exponentialsOf(b: Builder, z: Value): { readonly shifted: Value; readonly exponentials: Value; readonly total: Value } {
  const last = z.shape.length - 1
  const shifted = b.subtract(z, alongRows(b, b.reduce('maximum', z, [last]), z))
  const exponentials = b.unary('exponential', shifted)
  return { shifted, exponentials, total: b.reduce('add', exponentials, [last]) }
}

/** One number a row, repeated along the last axis of `like`. */
export function alongRows(b: Builder, rows: Value, like: Value): Value {
  if (rows.shape.length !== like.shape.length - 1) throw new Error(`${tensorType(rows.shape, rows.type)} has no number for each row`)
  return b.broadcastInto(
    rows,
    rows.shape.map((_, axis) => axis),
    like.shape,
  )
}
