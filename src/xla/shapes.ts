/** Shapes, parts, reductions and rows by index. */
import { sizeOf, type Builder, type Shape, type Value } from './builder.ts'
import { numberOf, numbersOf, type Attributes, type Lowering } from './lowering.ts'

export const shapes = {
  Reshape: (b, _, x: Value, shape: Value) => b.reshape(x, inferred(numbersOf(shape), sizeOf(x.shape))),
  Slice(b, _, x: Value, begin: Value, size: Value) {
    const from = numbersOf(begin, x.shape.length)
    const counts = numbersOf(size, x.shape.length).map((count, axis) => (count === -1 ? (x.shape[axis] ?? 0) - (from[axis] ?? 0) : count))
    return b.slice(x, from, counts)
  },
  SplitV(b, _, x: Value, sizes: Value, along: Value) {
    const axis = axisOf(numberOf(along), x)
    let from = 0
    return numbersOf(sizes).map((count) => {
      const part = b.slice(
        x,
        replaced(
          x.shape.map(() => 0),
          axis,
          from,
        ),
        replaced(x.shape, axis, count),
      )
      from += count
      return part
    })
  },
  ConcatV2(b, _, ...inputs: Value[]) {
    const [along, parts] = [inputs.at(-1), inputs.slice(0, -1)]
    const [first] = parts
    if (!along || !first) throw new Error('nothing to concatenate')
    return b.concatenate(parts, axisOf(numberOf(along), first))
  },
  Fill: (b, _, shape: Value, value: Value) => b.broadcast(value, numbersOf(shape)),
  OneHot(b, attributes, labels: Value, depth: Value, on: Value, off: Value) {
    if (attributes.number('axis') !== -1) throw new Error('one-hot along another axis than a new last one')
    const shape = [...labels.shape, numberOf(depth)]
    const place = b.iota(labels.shape.length, shape, 'i32')
    const label = b.broadcastInto(
      labels,
      labels.shape.map((_, axis) => axis),
      shape,
    )
    return b.select(b.compare('EQ', place, label), on, off)
  },
  GatherV2(b, attributes, table: Value, indices: Value, axis: Value) {
    if (attributes.number('batch_dims') !== 0 || numberOf(axis) !== 0) throw new Error('a gather along another axis than the first')
    return b.gatherRows(table, indices)
  },
  Sum: (b, attributes, x: Value, axes: Value) => reduced(b, attributes, x, axes, (over) => b.reduce('add', x, over)),
  Max: (b, attributes, x: Value, axes: Value) => reduced(b, attributes, x, axes, (over) => b.reduce('maximum', x, over)),
  Mean(b, attributes, x: Value, axes: Value) {
    return reduced(b, attributes, x, axes, (over) => {
      const count = sizeOf(over.map((axis) => x.shape[axis] ?? 1))
      return b.multiply(b.reduce('add', x, over), b.scalar(1 / count))
    })
  },
  /** The first of the largest. */
  ArgMax(b, _, x: Value, along: Value) {
    const axis = axisOf(numberOf(along), x)
    const kept = x.shape.map((_size, index) => index).filter((index) => index !== axis)
    const largest = b.broadcastInto(b.reduce('maximum', x, [axis]), kept, x.shape)
    const place = b.iota(axis, x.shape, 'i32')
    return b.reduce('minimum', b.select(b.compare('EQ', x, largest), place, b.scalar(x.shape[axis] ?? 0, 'i32')), [axis])
  },
} satisfies Record<string, Lowering>

function reduced(b: Builder, attributes: Attributes, x: Value, axes: Value, over: (axes: readonly number[]) => Value): Value {
  const along = numbersOf(axes).map((axis) => axisOf(axis, x))
  const result = over(along)
  if (!attributes.flag('keep_dims')) return result
  return b.reshape(
    result,
    x.shape.map((size, axis) => (along.includes(axis) ? 1 : size)),
  )
}

function axisOf(axis: number, { shape }: Value): number {
  return axis < 0 ? axis + shape.length : axis
}

function replaced(shape: Shape, axis: number, size: number): Shape {
  return shape.map((own, index) => (index === axis ? size : own))
}

/** -1 is what is left. */
function inferred(shape: Shape, size: number): Shape {
  const known = sizeOf(shape.filter((length) => length !== -1))
  return shape.map((length) => (length === -1 ? size / known : length))
}
