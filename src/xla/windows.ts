/** Where the windows of convolutions and pooling lie: TensorFlow's two paddings, [batch, height, width, channels]. */
import type { Shape, Value } from './builder.ts'
import type { Attributes } from './lowering.ts'

/** Along one axis. */
export interface Along {
  /** Of the image. */
  readonly length: number
  readonly kernel: number
  readonly stride: number
  /** Windows. */
  readonly count: number
  /** Pixels beyond the image. */
  readonly low: number
  readonly high: number
}

/** `SAME` puts an odd pixel behind. */
export function along(length: number, kernel: number, stride: number, padding: string): Along {
  if (padding === 'VALID') return { length, kernel, stride, count: Math.floor((length - kernel) / stride) + 1, low: 0, high: 0 }
  if (padding !== 'SAME') throw new Error(`padding ${padding}`)
  const count = Math.ceil(length / stride)
  const total = Math.max(0, (count - 1) * stride + kernel - length)
  const low = Math.floor(total / 2)
  return { length, kernel, stride, count, low, high: total - low }
}

/** Height and width of an image's windows. */
export type Both = readonly [Along, Along]

export function bothAlong(image: Shape, kernel: Shape, attributes: Attributes): Both {
  const [, height = 1, width = 1] = image
  const [kernelHeight = 1, kernelWidth = 1] = kernel
  const [, down = 1, right = 1] = attributes.numbers('strides')
  const padding = attributes.word('padding')
  return [along(height, kernelHeight, down, padding), along(width, kernelWidth, right, padding)]
}

/** A pair of numbers for height and width as four, for all axes. */
export function onImages(outer: number, [height, width]: readonly [number, number]): Shape {
  return [outer, height, width, outer]
}

export function paddingOf(both: Both): readonly (readonly [number, number])[] {
  return [[0, 0], ...both.map(({ low, high }) => [low, high] as const), [0, 0]]
}

export function rejectDilation(attributes: Attributes): void {
  if (attributes.numbers('dilations').some((dilation) => dilation !== 1)) throw new Error('a dilated convolution')
}

/** Batch and channels of x, height and width of the windows. */
export function windowShape({ shape }: Value, [height, width]: Both): Shape {
  return [shape[0] ?? 1, height.count, width.count, shape[3] ?? 1]
}
