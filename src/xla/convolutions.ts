/**
 * Convolutions and their gradients. A depthwise one is a few shifted products, which a compiler fuses with what stands beside them; a library
 * call would write each of them to memory.
 */
import type { Builder, Shape, Value } from './builder.ts'
import { numbersOf, type Attributes, type Lowering } from './lowering.ts'
import { bothAlong, onImages, rejectDilation, windowShape, type Both } from './windows.ts'

const images = '[b, 0, 1, f]'

function windowsOf(image: Shape, kernel: Shape, attributes: Attributes): Both {
  rejectDilation(attributes)
  return bothAlong(image, kernel, attributes)
}

/** For each pixel of the kernel, row after row, what it meets: x [b, h, w, c] -> [b, windows, windows, c] each. */
function views(b: Builder, x: Value, both: Both): Value[] {
  const [height, width] = both
  const padded = b.pad(x, { low: onImages(0, [height.low, width.low]), high: onImages(0, [height.high, width.high]) })
  const size = windowShape(x, both)
  const strides = onImages(1, [height.stride, width.stride])
  return pixelsOf(both).map((pixel) => b.slice(padded, onImages(0, pixel), size, strides))
}

/** Of a kernel, row after row. */
function pixelsOf([height, width]: Both): (readonly [number, number])[] {
  return Array.from(
    { length: height.kernel * width.kernel },
    (_, index) => [Math.floor(index / width.kernel), index % width.kernel] as const,
  )
}

/** One pixel of a depthwise kernel [h, w, c, m], repeated over images [b, h, w, c, m], or without the last axis where m is 1. */
function tap(b: Builder, kernel: Value, [row, column]: readonly [number, number], shape: Shape): Value {
  const [, , channels = 1, multiplier = 1] = kernel.shape
  const values = b.slice(kernel, [row, column, 0, 0], [1, 1, channels, multiplier])
  return shape.length === 4
    ? b.broadcastInto(b.reshape(values, [channels]), [3], shape)
    : b.broadcastInto(b.reshape(values, [channels, multiplier]), [3, 4], shape)
}

/** [b, h, w, c] -> [b, h, w, c, m] where a channel gives several. */
function perChannel(b: Builder, x: Value, multiplier: number): Value {
  return multiplier === 1 ? x : b.broadcastInto(x, [0, 1, 2, 3], [...x.shape, multiplier])
}

/** [b, h, w, c · m] -> [b, h, w, c, m], likewise. */
function split(b: Builder, y: Value, channels: number, multiplier: number): Value {
  return multiplier === 1 ? y : b.reshape(y, [...y.shape.slice(0, 3), channels, multiplier])
}

export const convolutions = {
  DepthwiseConv2dNative(b, attributes, x: Value, kernel: Value) {
    const both = windowsOf(x.shape, kernel.shape, attributes)
    const [, , channels = 1, multiplier = 1] = kernel.shape
    const pixels = pixelsOf(both)
    const products = views(b, x, both).map((view, index) => {
      const met = perChannel(b, view, multiplier)
      return b.multiply(met, tap(b, kernel, pixels[index] ?? [0, 0], met.shape))
    })
    return b.reshape(b.sum(products), [...windowShape(x, both).slice(0, 3), channels * multiplier])
  },
  DepthwiseConv2dNativeBackpropInput(b, attributes, size: Value, kernel: Value, dy: Value) {
    const shape = numbersOf(size, 4)
    const [height, width] = windowsOf(shape, kernel.shape, attributes)
    const [, , channels = 1, multiplier = 1] = kernel.shape
    const gradient = split(b, dy, channels, multiplier)
    const parts = pixelsOf([height, width]).map((pixel) => {
      const product = b.multiply(gradient, tap(b, kernel, pixel, gradient.shape))
      const given = multiplier === 1 ? product : b.reduce('add', product, [4])
      const at = [pixel[0] - height.low, pixel[1] - width.low] as const
      const spread = ({ count, stride }: Both[0]): number => (count - 1) * stride + 1
      const behind = [height.length - spread(height) - at[0], width.length - spread(width) - at[1]] as const
      return b.pad(given, { low: onImages(0, at), high: onImages(0, behind), interior: onImages(0, [height.stride - 1, width.stride - 1]) })
    })
    return b.sum(parts)
  },
  DepthwiseConv2dNativeBackpropFilter(b, attributes, x: Value, size: Value, dy: Value) {
    const shape = numbersOf(size, 4)
    const both = windowsOf(x.shape, shape, attributes)
    const [, , channels = 1, multiplier = 1] = shape
    const rows = windowShape(x, both).slice(0, 3)
    const met = b.concatenate(
      views(b, x, both).map((view) => b.reshape(view, [...rows, 1, channels, 1])),
      3,
    )
    const pixels = both[0].kernel * both[1].kernel
    const all = [...rows, pixels, channels, multiplier]
    const gradient = b.broadcastInto(b.reshape(dy, [...rows, channels, multiplier]), [0, 1, 2, 4, 5], all)
    const product = b.multiply(b.broadcastInto(met, [0, 1, 2, 3, 4, 5], all), gradient)
    return b.reshape(b.reduce('add', product, [0, 1, 2]), shape)
  },
  Conv2D(b, attributes, x: Value, kernel: Value) {
    const both = windowsOf(x.shape, kernel.shape, attributes)
    const [height, width] = both
    const window = {
      strides: [height.stride, width.stride],
      padding: both.map(({ low, high }) => [low, high] as const),
      xDilation: [1, 1],
      kernelDilation: [1, 1],
    }
    const shape = [...windowShape(x, both).slice(0, 3), kernel.shape[3] ?? 1]
    return b.convolution(x, kernel, `${images}x[0, 1, i, o]->${images}`, window, shape)
  },
  /** The convolution of the spread gradient with the reversed kernel whose filters and channels change places. */
  Conv2DBackpropInput(b, attributes, size: Value, kernel: Value, dy: Value) {
    const shape = numbersOf(size, 4)
    const both = windowsOf(shape, kernel.shape, attributes)
    const padding = both.map(({ length, kernel: pixels, count, stride, low }) => {
      const before = pixels - 1 - low
      return [before, length + pixels - 1 - ((count - 1) * stride + 1) - before] as const
    })
    const window = { strides: [1, 1], padding, xDilation: both.map(({ stride }) => stride), kernelDilation: [1, 1] }
    return b.convolution(dy, b.reverse(kernel, [0, 1]), `${images}x[0, 1, o, i]->${images}`, window, shape)
  },
  /** The convolution of the images, their channels for the batch, with the spread gradient. */
  Conv2DBackpropFilter(b, attributes, x: Value, size: Value, dy: Value) {
    const shape = numbersOf(size, 4)
    const both = windowsOf(x.shape, shape, attributes)
    const padding = both.map(
      ({ length, kernel, count, stride, low }) => [low, kernel - 1 + (count - 1) * stride + 1 - length - low] as const,
    )
    const window = { strides: [1, 1], padding, xDilation: [1, 1], kernelDilation: both.map(({ stride }) => stride) }
    return b.convolution(x, dy, '[f, 0, 1, b]x[i, 0, 1, o]->[0, 1, b, f]', window, shape)
  },
} satisfies Record<string, Lowering>
