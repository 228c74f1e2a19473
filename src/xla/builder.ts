/**
 * Writes StableHLO instructions as text (openxla.org/stablehlo/spec). Operands broadcast as TensorFlow's do; shapes and types are checked
 * as each instruction is written, so that a wrong lowering fails here and not in a compiler's words.
 */
export type ElementType = 'f32' | 'bf16' | 'i32' | 'ui8' | 'ui32' | 'ui64' | 'i1'
export type Shape = readonly number[]

export interface Value {
  /** `%12` */
  readonly id: string
  readonly shape: Shape
  readonly type: ElementType
  /** What a constant holds, all equal ones as one: shapes and axes are read from it. */
  readonly constant?: ArrayLike<number>
}

/**
 * How products are computed, each into float32: in float32, with operands that the device may round to TF32 (NVIDIA's 10 bits of mantissa),
 * or with operands rounded to bfloat16 (7 bits).
 */
export type Precision = 'float32' | 'tf32' | 'bfloat16'

type Comparison = 'EQ' | 'NE' | 'GE' | 'GT' | 'LE' | 'LT'
type Reduction = 'add' | 'maximum' | 'minimum'

type Unary =
  'exponential' | 'exponential_minus_one' | 'log' | 'log_plus_one' | 'logistic' | 'tanh' | 'sqrt' | 'rsqrt' | 'negate' | 'abs' | 'floor'
type Binary =
  'add' | 'subtract' | 'multiply' | 'divide' | 'maximum' | 'minimum' | 'and' | 'or' | 'xor' | 'shift_left' | 'shift_right_logical'

export interface Padding {
  readonly low: Shape
  readonly high: Shape
  /** Elements put between neighbours. */
  readonly interior?: Shape
}

export interface Window {
  readonly size: Shape
  readonly strides: Shape
  readonly padding: readonly (readonly [number, number])[]
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((a, b) => a * b, 1)
}

export function tensorType(shape: Shape, type: ElementType): string {
  return `tensor<${[...shape, type].join('x')}>`
}

export function typeOf({ shape, type }: Value): string {
  return tensorType(shape, type)
}

export class Builder {
  readonly lines: string[] = []
  readonly #precision: Precision
  #next = 0

  constructor(precision: Precision) {
    this.#precision = precision
  }

  /** Writes `text` as the instruction that gives a value of this shape and type. */
  emit(text: string, shape: Shape, type: ElementType): Value {
    const id = `%v${this.#next++}`
    this.lines.push(`${id} = ${text}`)
    return { id, shape, type }
  }

  constant(values: ArrayLike<number>, shape: Shape, type: ElementType): Value {
    if (values.length !== 1 && values.length !== sizeOf(shape)) throw new Error(`${values.length} values in ${tensorType(shape, type)}`)
    const text = values.length === 1 ? literal(values[0] ?? 0, type) : nested(values, shape, type)
    return { ...this.emit(`stablehlo.constant dense<${text}> : ${tensorType(shape, type)}`, shape, type), constant: values }
  }

  scalar(value: number, type: ElementType = 'f32'): Value {
    return this.constant([value], [], type)
  }

  iota(axis: number, shape: Shape, type: ElementType): Value {
    return this.emit(`stablehlo.iota dim = ${axis} : ${tensorType(shape, type)}`, shape, type)
  }

  unary(op: Unary, x: Value): Value {
    return this.emit(`stablehlo.${op} ${x.id} : ${typeOf(x)}`, x.shape, x.type)
  }

  binary(op: Binary, a: Value, b: Value): Value {
    const [x, y] = this.#together(a, b)
    return this.emit(`stablehlo.${op} ${x.id}, ${y.id} : ${typeOf(x)}`, x.shape, x.type)
  }

  add(a: Value, b: Value): Value {
    return this.binary('add', a, b)
  }

  subtract(a: Value, b: Value): Value {
    return this.binary('subtract', a, b)
  }

  multiply(a: Value, b: Value): Value {
    return this.binary('multiply', a, b)
  }

  divide(a: Value, b: Value): Value {
    return this.binary('divide', a, b)
  }

  sum(terms: readonly Value[]): Value {
    return terms.reduce((a, b) => this.add(a, b))
  }

  compare(how: Comparison, a: Value, b: Value): Value {
    const [x, y] = this.#together(a, b)
    return this.emit(
      `stablehlo.compare ${how}, ${x.id}, ${y.id} : (${typeOf(x)}, ${typeOf(y)}) -> ${tensorType(x.shape, 'i1')}`,
      x.shape,
      'i1',
    )
  }

  select(condition: Value, a: Value, b: Value): Value {
    if (condition.type !== 'i1') throw new Error(`a condition of type ${condition.type}`)
    const shape = commonShape([condition.shape, a.shape, b.shape])
    const [c, x, y] = [this.broadcast(condition, shape), this.broadcast(a, shape), this.broadcast(b, shape)]
    if (x.type !== y.type) throw new Error(`a choice between ${x.type} and ${y.type}`)
    return this.emit(`stablehlo.select ${c.id}, ${x.id}, ${y.id} : ${typeOf(c)}, ${typeOf(x)}`, shape, x.type)
  }

  /** Between `low` and `high`. */
  clamp(low: Value, x: Value, high: Value): Value {
    return this.binary('minimum', this.binary('maximum', x, low), high)
  }

  convert(x: Value, type: ElementType): Value {
    if (x.type === type) return x
    return this.emit(`stablehlo.convert ${x.id} : (${typeOf(x)}) -> ${tensorType(x.shape, type)}`, x.shape, type)
  }

  /** The same bits read as another type; a narrower one adds an axis behind. */
  bitcast(x: Value, type: ElementType, shape: Shape): Value {
    return this.emit(`stablehlo.bitcast_convert ${x.id} : (${typeOf(x)}) -> ${tensorType(shape, type)}`, shape, type)
  }

  reshape(x: Value, shape: Shape): Value {
    if (sizeOf(x.shape) !== sizeOf(shape)) throw new Error(`${typeOf(x)} cannot have the shape [${shape.join(', ')}]`)
    if (x.shape.join() === shape.join()) return x
    return this.emit(`stablehlo.reshape ${x.id} : (${typeOf(x)}) -> ${tensorType(shape, x.type)}`, shape, x.type)
  }

  transpose(x: Value, order: readonly number[]): Value {
    const shape = order.map((axis) => x.shape[axis] ?? 1)
    return this.emit(
      `stablehlo.transpose ${x.id}, dims = [${order.join(', ')}] : (${typeOf(x)}) -> ${tensorType(shape, x.type)}`,
      shape,
      x.type,
    )
  }

  /** Axis i of x becomes axis `axes[i]` of the result; a size of 1 is repeated. */
  broadcastInto(x: Value, axes: readonly number[], shape: Shape): Value {
    if (axes.length !== x.shape.length || x.shape.some((size, axis) => size !== 1 && size !== shape[axes[axis] ?? -1]))
      throw new Error(`${typeOf(x)} does not broadcast to [${shape.join(', ')}] along [${axes.join(', ')}]`)
    if (x.shape.join() === shape.join()) return x
    const text = `stablehlo.broadcast_in_dim ${x.id}, dims = [${axes.join(', ')}] : (${typeOf(x)}) -> ${tensorType(shape, x.type)}`
    return this.emit(text, shape, x.type)
  }

  /** Aligned at the last axis. */
  broadcast(x: Value, shape: Shape): Value {
    return this.broadcastInto(
      x,
      x.shape.map((_, axis) => axis + shape.length - x.shape.length),
      shape,
    )
  }

  reduce(op: Reduction, x: Value, axes: readonly number[]): Value {
    if (axes.length === 0) return x
    const shape = x.shape.filter((_, axis) => !axes.includes(axis))
    const initial = this.scalar(neutral(op, x.type), x.type)
    const text = `stablehlo.reduce(${x.id} init: ${initial.id}) applies stablehlo.${op} across dimensions = [${axes.join(', ')}]`
    return this.emit(`${text} : (${typeOf(x)}, ${typeOf(initial)}) -> ${tensorType(shape, x.type)}`, shape, x.type)
  }

  /** From `begin`, `size` elements of each axis, every `strides`-th. */
  slice(x: Value, begin: Shape, size: Shape, strides: Shape = x.shape.map(() => 1)): Value {
    const ranges = x.shape.map((length, axis) => {
      const [from = 0, count = 1, stride = 1] = [begin[axis], size[axis], strides[axis]]
      const to = from + (count - 1) * stride + 1
      if (from < 0 || to > length) throw new Error(`${from}:${to} of axis ${axis} of ${typeOf(x)}`)
      return stride === 1 ? `${from}:${to}` : `${from}:${to}:${stride}`
    })
    return this.emit(`stablehlo.slice ${x.id} [${ranges.join(', ')}] : (${typeOf(x)}) -> ${tensorType(size, x.type)}`, size, x.type)
  }

  /** With zeros, or with `value`; a negative number cuts off. */
  pad(x: Value, { low, high, interior = x.shape.map(() => 0) }: Padding, value = 0): Value {
    const shape = x.shape.map((size, axis) => size + Math.max(0, size - 1) * (interior[axis] ?? 0) + (low[axis] ?? 0) + (high[axis] ?? 0))
    if ([...low, ...high, ...interior].every((count) => count === 0)) return x
    const filling = this.scalar(value, x.type)
    const counts = `low = [${low.join(', ')}], high = [${high.join(', ')}], interior = [${interior.join(', ')}]`
    const text = `stablehlo.pad ${x.id}, ${filling.id}, ${counts} : (${typeOf(x)}, ${typeOf(filling)}) -> ${tensorType(shape, x.type)}`
    return this.emit(text, shape, x.type)
  }

  concatenate(parts: readonly Value[], axis: number): Value {
    const [first] = parts
    if (!first) throw new Error('nothing to concatenate')
    if (parts.length === 1) return first
    const shape = first.shape.map((size, index) => (index === axis ? parts.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0) : size))
    const types = parts.map(typeOf).join(', ')
    const text = `stablehlo.concatenate ${parts.map(({ id }) => id).join(', ')}, dim = ${axis} : (${types}) -> ${tensorType(shape, first.type)}`
    return this.emit(text, shape, first.type)
  }

  reverse(x: Value, axes: readonly number[]): Value {
    return this.emit(`stablehlo.reverse ${x.id}, dims = [${axes.join(', ')}] : ${typeOf(x)}`, x.shape, x.type)
  }

  /** Rows of x [n, …] by indices i32 [m] -> [m, …]. Indices beyond are clamped. */
  gatherRows(x: Value, indices: Value): Value {
    const [count = 1] = indices.shape
    const row = x.shape.slice(1)
    const starts = this.reshape(indices, [count, 1])
    const offsets = row.length > 0 ? `offset_dims = [${row.map((_, axis) => axis + 1).join(', ')}], ` : ''
    const numbers = `#stablehlo.gather<${offsets}collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>`
    const options = `dimension_numbers = ${numbers}, indices_are_sorted = false, slice_sizes = array<i64: ${[1, ...row].join(', ')}>`
    const shape = [count, ...row]
    const text = `"stablehlo.gather"(${x.id}, ${starts.id}) <{${options}}> : (${typeOf(x)}, ${typeOf(starts)}) -> ${tensorType(shape, x.type)}`
    return this.emit(text, shape, x.type)
  }

  /** a [m, k] times b [k, n], either transposed, into float32. */
  dot(a: Value, b: Value, transposeA: boolean, transposeB: boolean): Value {
    const [x, y] = this.#operands(a, b)
    const [inA, inB] = [transposeA ? 0 : 1, transposeB ? 1 : 0]
    const shape = [a.shape[1 - inA] ?? 1, b.shape[1 - inB] ?? 1]
    if (a.shape[inA] !== b.shape[inB]) throw new Error(`a product of ${typeOf(a)} and ${typeOf(b)}`)
    const options = `contracting_dims = [${inA}] x [${inB}], precision = [${this.#exactness}, ${this.#exactness}]`
    const text = `stablehlo.dot_general ${x.id}, ${y.id}, ${options} : (${typeOf(x)}, ${typeOf(y)}) -> ${tensorType(shape, 'f32')}`
    return this.emit(text, shape, 'f32')
  }

  /** The reduction of every window of x. */
  reduceWindow(op: 'add' | 'maximum', x: Value, { size, strides, padding }: Window): Value {
    const shape = windowed(x.shape, { size, strides, padding })
    const initial = this.scalar(neutral(op, x.type), x.type)
    const scalar = tensorType([], x.type)
    const region = `^bb0(%a: ${scalar}, %b: ${scalar}): %c = stablehlo.${op} %a, %b : ${scalar} stablehlo.return %c : ${scalar}`
    const options = `window_dimensions = array<i64: ${size.join(', ')}>, window_strides = array<i64: ${strides.join(', ')}>, padding = ${pairs(padding)}`
    const types = `(${typeOf(x)}, ${scalar}) -> ${tensorType(shape, x.type)}`
    return this.emit(`"stablehlo.reduce_window"(${x.id}, ${initial.id}) <{${options}}> ({ ${region} }) : ${types}`, shape, x.type)
  }

  /** Of every window of x the first of its largest elements receives the window's element of `source`; those add up. */
  scatterToMaxima(x: Value, source: Value, { size, strides, padding }: Window): Value {
    if (windowed(x.shape, { size, strides, padding }).join() !== source.shape.join())
      throw new Error(`windows of ${typeOf(x)} and ${typeOf(source)}`)
    const initial = this.scalar(0, x.type)
    const scalar = tensorType([], x.type)
    const choose = `^bb0(%a: ${scalar}, %b: ${scalar}): %c = stablehlo.compare GE, %a, %b : (${scalar}, ${scalar}) -> tensor<i1> stablehlo.return %c : tensor<i1>`
    const add = `^bb0(%a: ${scalar}, %b: ${scalar}): %c = stablehlo.add %a, %b : ${scalar} stablehlo.return %c : ${scalar}`
    const options = `window_dimensions = array<i64: ${size.join(', ')}>, window_strides = array<i64: ${strides.join(', ')}>, padding = ${pairs(padding)}`
    const types = `(${typeOf(x)}, ${typeOf(source)}, ${scalar}) -> ${typeOf(x)}`
    const operands = `${x.id}, ${source.id}, ${initial.id}`
    return this.emit(`"stablehlo.select_and_scatter"(${operands}) <{${options}}> ({ ${choose} }, { ${add} }) : ${types}`, x.shape, x.type)
  }

  /** `numbers` as StableHLO writes dimension numbers: `[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]`. Into float32. */
  convolution(
    images: Value,
    filters: Value,
    numbers: string,
    { strides, padding, xDilation, kernelDilation }: ConvolutionWindow,
    shape: Shape,
  ): Value {
    const [x, kernel] = this.#operands(images, filters)
    const window = `stride = [${strides.join(', ')}], pad = [${padding.map((pair) => `[${pair.join(', ')}]`).join(', ')}], lhs_dilate = [${xDilation.join(', ')}], rhs_dilate = [${kernelDilation.join(', ')}]`
    const options = `batch_group_count = 1 : i64, feature_group_count = 1 : i64, precision_config = [#stablehlo<precision ${this.#exactness}>, #stablehlo<precision ${this.#exactness}>]`
    const text = `stablehlo.convolution(${x.id}, ${kernel.id}) dim_numbers = ${numbers}, window = {${window}} {${options}}`
    return this.emit(`${text} : (${typeOf(x)}, ${typeOf(kernel)}) -> ${tensorType(shape, 'f32')}`, shape, 'f32')
  }

  /** Slice `index` (i32 scalar) of the first axis of x [n, …] -> […]. */
  at(x: Value, index: Value): Value {
    const zero = this.scalar(0, 'i32')
    const row = x.shape.slice(1)
    const starts = [index.id, ...row.map(() => zero.id)].join(', ')
    const types = [typeOf(x), ...x.shape.map(() => 'tensor<i32>')].join(', ')
    const sizes = [1, ...row]
    const text = `stablehlo.dynamic_slice ${x.id}, ${starts}, sizes = [${sizes.join(', ')}] : (${types}) -> ${tensorType(sizes, x.type)}`
    return this.reshape(this.emit(text, sizes, x.type), row)
  }

  get #exactness(): 'HIGHEST' | 'DEFAULT' {
    return this.#precision === 'float32' ? 'HIGHEST' : 'DEFAULT'
  }

  #operands(a: Value, b: Value): readonly [Value, Value] {
    return this.#precision === 'bfloat16' ? [this.convert(a, 'bf16'), this.convert(b, 'bf16')] : [a, b]
  }

  #together(a: Value, b: Value): readonly [Value, Value] {
    if (a.type !== b.type) throw new Error(`${a.type} and ${b.type} in one operation`)
    const shape = commonShape([a.shape, b.shape])
    return [this.broadcast(a, shape), this.broadcast(b, shape)]
  }
}

export interface ConvolutionWindow {
  readonly strides: Shape
  readonly padding: readonly (readonly [number, number])[]
  readonly xDilation: Shape
  readonly kernelDilation: Shape
}

function windowed(shape: Shape, { size, strides, padding }: Window): Shape {
  return shape.map((length, axis) => {
    const [low, high] = padding[axis] ?? [0, 0]
    return Math.floor((length + low + high - (size[axis] ?? 1)) / (strides[axis] ?? 1)) + 1
  })
}

function commonShape(shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1)
    const size = sizes.find((candidate) => candidate !== 1) ?? 1
    if (sizes.some((candidate) => candidate !== 1 && candidate !== size))
      throw new Error(`shapes that do not go together: ${shapes.map((shape) => `[${shape.join(', ')}]`).join(', ')}`)
    return size
  })
}

function neutral(op: Reduction, type: ElementType): number {
  if (op === 'add') return 0
  if (type === 'f32') return op === 'maximum' ? -Infinity : Infinity
  return op === 'maximum' ? -0x80000000 : 0x7fffffff
}

function pairs(padding: readonly (readonly [number, number])[]): string {
  return `dense<[${padding.map((pair) => `[${pair.join(', ')}]`).join(', ')}]> : tensor<${padding.length}x2xi64>`
}

const bitsOf = new DataView(new ArrayBuffer(4))

/** Floats by their bits, so that none is rounded on its way through the text. */
function literal(value: number, type: ElementType): string {
  if (type === 'i1') return String(value !== 0)
  if (type !== 'f32') return String(value)
  bitsOf.setFloat32(0, value)
  return `0x${bitsOf.getUint32(0).toString(16).toUpperCase().padStart(8, '0')}`
}

function nested(values: ArrayLike<number>, shape: Shape, type: ElementType, from = 0): string {
  const [length, ...rest] = shape
  if (length === undefined) return literal(values[from] ?? 0, type)
  const step = sizeOf(rest)
  return `[${Array.from({ length }, (_, index) => nested(values, rest, type, from + index * step)).join(', ')}]`
}
