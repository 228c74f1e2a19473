/** The warp of augmentation (tensorflow/core/kernels/image/image_ops.h): bilinear, and what lies beyond an image as the fill mode says. */
import { type Builder, type Value } from './builder.ts'
import { numberOf, numbersOf, type Lowering } from './lowering.ts'

/** Where in an image of `length` a position reads, in 0 … length - 1. */
type MapPosition = (b: Builder, position: Value, length: number) => Value

const inside: MapPosition = (b, position, length) => b.clamp(b.scalar(0), position, b.scalar(length - 1))
const whole = (b: Builder, x: Value): Value => b.unary('floor', x)

const fillModes: Readonly<Record<string, MapPosition>> = {
  NEAREST: inside,
  CONSTANT: (_b, position) => position,
  /** dcba|abcd|dcba */
  REFLECT(b, position, length) {
    const [size, period] = [b.scalar(length), b.scalar(2 * length)]
    const turns = (x: Value): Value => b.multiply(period, whole(b, b.divide(x, period)))
    const raised = b.add(position, turns(b.unary('negate', position)))
    const below = b.select(
      b.compare('LT', raised, b.unary('negate', size)),
      b.add(raised, period),
      b.subtract(b.unary('negate', raised), b.scalar(1)),
    )
    const lowered = b.subtract(position, turns(position))
    const above = b.select(b.compare('GE', lowered, size), b.subtract(b.subtract(period, lowered), b.scalar(1)), lowered)
    return inside(b, mapped(b, position, length, below, above), length)
  },
  /** abcd|abcd|abcd */
  WRAP(b, position, length) {
    const [size, last] = [b.scalar(length), b.scalar(length - 1)]
    const turns = (x: Value): Value => whole(b, b.divide(x, last))
    const below = b.add(position, b.multiply(size, b.add(turns(b.unary('negate', position)), b.scalar(1))))
    const above = b.subtract(position, b.multiply(size, turns(position)))
    return inside(b, mapped(b, position, length, below, above), length)
  },
}

/** An image of one pixel has one place to read. */
function mapped(b: Builder, position: Value, length: number, below: Value, above: Value): Value {
  if (length <= 1) return b.constant([0], position.shape, position.type)
  const beyond = b.select(b.compare('GT', position, b.scalar(length - 1)), above, position)
  return b.select(b.compare('LT', position, b.scalar(0)), below, beyond)
}

export const warp = {
  ImageProjectiveTransformV3(b, attributes, images: Value, transforms: Value, outputSize: Value, fill: Value) {
    const [batch = 1, height = 1, width = 1, channels = 1] = images.shape
    const mode = attributes.word('fill_mode')
    const map = fillModes[mode]
    if (!map || attributes.word('interpolation') !== 'BILINEAR')
      throw new Error(`a warp that is ${attributes.word('interpolation')}, ${mode}`)
    if (numbersOf(outputSize, 2).join() !== [height, width].join()) throw new Error('a warp that changes the size')
    if (numberOf(fill) !== 0) throw new Error('a warp that fills with another value than 0')
    const grid = [batch, height, width]
    const coefficient = (index: number): Value =>
      b.broadcastInto(b.reshape(b.slice(transforms, [0, index], [batch, 1]), [batch]), [0], grid)
    const [x, y] = [b.iota(2, grid, 'f32'), b.iota(1, grid, 'f32')]
    const linear = (first: number): Value => b.add(b.multiply(coefficient(first), x), b.multiply(coefficient(first + 1), y))
    const projection = b.add(linear(6), b.scalar(1))
    const position = (first: number): Value => b.divide(b.add(linear(first), coefficient(first + 2)), projection)
    const [px, py] = [map(b, position(0), width), map(b, position(3), height)]

    const rows = b.reshape(images, [batch * height * width, channels])
    const origin = b.multiply(b.iota(0, grid, 'i32'), b.scalar(height * width, 'i32'))
    const index = (at: Value, length: number): Value => b.convert(inside(b, at, length), 'i32')
    const isInside = (at: Value, length: number): Value =>
      b.binary('and', b.compare('GE', at, b.scalar(0)), b.compare('LE', at, b.scalar(length - 1)))
    const read = (atY: Value, atX: Value): Value => {
      const place = b.add(origin, b.add(b.multiply(index(atY, height), b.scalar(width, 'i32')), index(atX, width)))
      const pixels = b.reshape(b.gatherRows(rows, b.reshape(place, [batch * height * width])), images.shape)
      // A neighbour beyond the last pixel counts nothing there; only where nothing is mapped inside may both lie beyond.
      return mode === 'CONSTANT'
        ? b.select(overChannels(b.binary('and', isInside(atY, height), isInside(atX, width))), pixels, b.scalar(0))
        : pixels
    }
    const overChannels = (each: Value): Value => b.broadcastInto(each, [0, 1, 2], images.shape)
    const blend = (low: Value, at: Value, before: Value, after: Value): Value => {
      const share = (value: Value): Value => overChannels(value)
      return b.add(b.multiply(share(b.subtract(b.add(low, b.scalar(1)), at)), before), b.multiply(share(b.subtract(at, low)), after))
    }
    const [x0, y0] = [whole(b, px), whole(b, py)]
    const [x1, y1] = [b.add(x0, b.scalar(1)), b.add(y0, b.scalar(1))]
    return blend(y0, py, blend(x0, px, read(y0, x0), read(y0, x1)), blend(x0, px, read(y1, x0), read(y1, x1)))
  },
} satisfies Record<string, Lowering>
