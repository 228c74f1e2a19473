/** Pooling and its gradients. */
import type { Builder, Value, Window } from './builder.ts'
import { numbersOf, type Attributes, type Lowering } from './lowering.ts'
import { bothAlong, onImages, paddingOf, type Both } from './windows.ts'

function windowsOf(image: readonly number[], attributes: Attributes): Both {
  const [, height = 1, width = 1] = attributes.numbers('ksize')
  return bothAlong(image, [height, width], attributes)
}

function windowOf(both: Both): Window {
  const [height, width] = both
  return { size: onImages(1, [height.kernel, width.kernel]), strides: onImages(1, [height.stride, width.stride]), padding: paddingOf(both) }
}

/** Windows side by side that leave nothing out: axes of their own, of which a compiler makes part of what stands before and behind. */
function isTiling(both: Both): boolean {
  return both.every(({ length, kernel, stride, count }) => kernel === stride && count * kernel === length)
}

/** [b, h, w, c] -> [b, windows, kernel, windows, kernel, c]. */
function tiled(b: Builder, x: Value, [height, width]: Both): Value {
  return b.reshape(x, [x.shape[0] ?? 1, height.count, height.kernel, width.count, width.kernel, x.shape[3] ?? 1])
}

const inTile = [2, 4]
const ofTiles = [0, 1, 3, 5]

/** The pixels of the image in each window: what lies beyond counts nothing. */
function counts(b: Builder, [height, width]: Both): Value {
  const inside = ({ length, kernel, stride, count, low }: Both[0]): number[] =>
    Array.from({ length: count }, (_, index) => {
      const from = index * stride - low
      return Math.min(length, from + kernel) - Math.max(0, from)
    })
  const [down, right] = [inside(height), inside(width)]
  return b.constant(
    down.flatMap((rows) => right.map((columns) => rows * columns)),
    [height.count, width.count],
    'f32',
  )
}

function shares(b: Builder, sums: Value, both: Both): Value {
  return b.divide(sums, b.broadcastInto(counts(b, both), [1, 2], sums.shape))
}

export const pooling = {
  MaxPool(b, attributes, x: Value) {
    const both = windowsOf(x.shape, attributes)
    if (isTiling(both)) return b.reduce('maximum', tiled(b, x, both), inTile)
    return b.reduceWindow('maximum', x, windowOf(both))
  },
  /** To the first of the largest. */
  MaxPoolGrad(b, attributes, x: Value, y: Value, dy: Value) {
    const both = windowsOf(x.shape, attributes)
    if (!isTiling(both)) return b.scatterToMaxima(x, dy, windowOf(both))
    const tiles = tiled(b, x, both)
    const [, width] = both
    const repeat = (window: Value): Value => b.broadcastInto(window, ofTiles, tiles.shape)
    const place = b.add(b.multiply(b.iota(2, tiles.shape, 'i32'), b.scalar(width.kernel, 'i32')), b.iota(4, tiles.shape, 'i32'))
    const none = b.scalar(both[0].kernel * width.kernel, 'i32')
    const first = b.reduce('minimum', b.select(b.compare('EQ', tiles, repeat(y)), place, none), inTile)
    return b.reshape(b.select(b.compare('EQ', place, repeat(first)), repeat(dy), b.scalar(0)), x.shape)
  },
  AvgPool(b, attributes, x: Value) {
    const both = windowsOf(x.shape, attributes)
    return shares(b, b.reduceWindow('add', x, windowOf(both)), both)
  },
  /** What each pixel's windows hand back to it: the sum over windows of the spread gradient. */
  AvgPoolGrad(b, attributes, size: Value, dy: Value) {
    const shape = numbersOf(size, 4)
    const both = windowsOf(shape, attributes)
    const [height, width] = both
    const before = both.map(({ kernel, low }) => kernel - 1 - low)
    const behind = both.map(({ length, count, stride, low }) => length + low - ((count - 1) * stride + 1))
    const pad = (sides: readonly number[]): readonly number[] => onImages(0, [sides[0] ?? 0, sides[1] ?? 0])
    const spread = b.pad(shares(b, dy, both), {
      low: pad(before),
      high: pad(behind),
      interior: onImages(0, [height.stride - 1, width.stride - 1]),
    })
    const none = [0, 0] as const
    return b.reduceWindow('add', spread, {
      size: onImages(1, [height.kernel, width.kernel]),
      strides: [1, 1, 1, 1],
      padding: [none, none, none, none],
    })
  },
} satisfies Record<string, Lowering>
