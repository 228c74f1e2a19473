/**
 * Pixels to the experiment's size and channels as Pillow has them (`convert`, then `resize` with BILINEAR, columns first), so that a model trained
 * here sees what a Python pipeline would show it. Pillow: src/libImaging/Resample.c and Convert.c.
 */
import type { Pixels } from './png.ts'

const precision = 22

/** Alpha is dropped; grey is repeated for colour; colour becomes grey by ITU-R 601-2 luma. */
export function convertChannels({ width, height, channels, data }: Pixels, to: 1 | 3): Uint8Array {
  if (channels === to) return data
  const converted = new Uint8Array(width * height * to)
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = pixel * channels
    const red = data[from] ?? 0
    const green = channels > 2 ? (data[from + 1] ?? 0) : red
    const blue = channels > 2 ? (data[from + 2] ?? 0) : red
    if (to === 3) converted.set([red, green, blue], pixel * 3)
    else converted[pixel] = channels > 2 ? (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16 : red
  }
  return converted
}

interface Weights {
  /** First input pixel and number of them for each output pixel, then their weights in fixed point, `size` for each. */
  readonly first: Int32Array
  readonly count: Int32Array
  readonly size: number
  readonly values: Int32Array
}

const known = new Map<string, Weights>()

/** A triangle as wide as the scale, where it shrinks: the mean over what an output pixel covers. */
function weightsFor(from: number, to: number): Weights {
  const key = `${from}>${to}`
  const cached = known.get(key)
  if (cached) return cached
  const scale = from / to
  const support = Math.max(scale, 1)
  const size = Math.ceil(support) * 2 + 1
  const weights = { first: new Int32Array(to), count: new Int32Array(to), size, values: new Int32Array(to * size) }
  for (let out = 0; out < to; out++) {
    const center = (out + 0.5) * scale
    const first = Math.max(0, Math.trunc(center - support + 0.5))
    const count = Math.min(from, Math.trunc(center + support + 0.5)) - first
    const raw = Array.from({ length: count }, (_, index) => Math.max(0, 1 - Math.abs((index + first - center + 0.5) / support)))
    const total = raw.reduce((a, b) => a + b, 0)
    weights.first[out] = first
    weights.count[out] = count
    for (const [index, weight] of raw.entries()) weights.values[out * size + index] = Math.trunc(0.5 + (weight / total) * 2 ** precision)
  }
  known.set(key, weights)
  return weights
}

/** data [height, width, channels] -> [toHeight, toWidth, channels]; columns first, then rows, each rounded to bytes. */
export function resizeBilinear(
  data: Uint8Array,
  [height, width]: readonly [number, number],
  channels: number,
  [toHeight, toWidth]: readonly [number, number],
): Uint8Array {
  const wide = width === toWidth ? data : resampleColumns(data, height, width, channels, weightsFor(width, toWidth))
  return height === toHeight ? wide : resampleRows(wide, toWidth * channels, weightsFor(height, toHeight))
}

/** Half of the last place, so that the shift rounds. */
const half = 1 << (precision - 1)

function toByte(sum: number): number {
  const byte = sum >> precision
  return byte < 0 ? 0 : byte > 255 ? 255 : byte
}

/** The three sums of a colour pixel side by side: twice as fast as one channel after the other. */
function resampleColumns(data: Uint8Array, height: number, width: number, channels: number, weights: Weights): Uint8Array {
  if (channels !== 3) return resampleGrey(data, height, width, weights)
  const { first, count, size, values } = weights
  if (hasThreeTaps(weights)) return resampleColumnsOfThree(data, height, width, weights)
  const to = first.length
  const out = new Uint8Array(height * to * 3)
  let place = 0
  for (let line = 0; line < height; line++) {
    for (let pixel = 0; pixel < to; pixel++) {
      let from = (line * width + (first[pixel] ?? 0)) * 3
      let red = half
      let green = half
      let blue = half
      const end = pixel * size + (count[pixel] ?? 0)
      for (let tap = pixel * size; tap < end; tap++) {
        const weight = values[tap] ?? 0
        red += (data[from] ?? 0) * weight
        green += (data[from + 1] ?? 0) * weight
        blue += (data[from + 2] ?? 0) * weight
        from += 3
      }
      out[place++] = toByte(red)
      out[place++] = toByte(green)
      out[place++] = toByte(blue)
    }
  }
  return out
}

/** Sizes that differ by little, as 50 and 48 do: no output pixel has more than three inputs. */
function hasThreeTaps({ count, size }: Weights): boolean {
  return size >= 3 && count.every((taps) => taps <= 3)
}

/**
 * The same sums written out, which is half as much work again faster. Weights are not negative and add up to one but for their rounding, so that
 * no sum leaves the bytes. A tap that is not there has no weight, and stands on the first.
 */
function resampleColumnsOfThree(data: Uint8Array, height: number, width: number, { first, count, size, values }: Weights): Uint8Array {
  const to = first.length
  const out = new Uint8Array(height * to * 3)
  let place = 0
  for (let line = 0; line < height; line++) {
    for (let pixel = 0; pixel < to; pixel++) {
      const a = (line * width + (first[pixel] ?? 0)) * 3
      const taps = count[pixel] ?? 0
      const b = taps > 1 ? a + 3 : a
      const c = taps > 2 ? a + 6 : a
      const [u, v, w] = [values[pixel * size] ?? 0, values[pixel * size + 1] ?? 0, values[pixel * size + 2] ?? 0]
      out[place++] = (half + (data[a] ?? 0) * u + (data[b] ?? 0) * v + (data[c] ?? 0) * w) >> precision
      out[place++] = (half + (data[a + 1] ?? 0) * u + (data[b + 1] ?? 0) * v + (data[c + 1] ?? 0) * w) >> precision
      out[place++] = (half + (data[a + 2] ?? 0) * u + (data[b + 2] ?? 0) * v + (data[c + 2] ?? 0) * w) >> precision
    }
  }
  return out
}

function resampleGrey(data: Uint8Array, height: number, width: number, { first, count, size, values }: Weights): Uint8Array {
  const to = first.length
  const out = new Uint8Array(height * to)
  for (let line = 0; line < height; line++) {
    for (let pixel = 0; pixel < to; pixel++) {
      const from = line * width + (first[pixel] ?? 0)
      let sum = half
      for (let tap = 0; tap < (count[pixel] ?? 0); tap++) sum += (data[from + tap] ?? 0) * (values[pixel * size + tap] ?? 0)
      out[line * to + pixel] = toByte(sum)
    }
  }
  return out
}

function resampleRows(data: Uint8Array, rowBytes: number, weights: Weights): Uint8Array {
  if (hasThreeTaps(weights)) return resampleRowsOfThree(data, rowBytes, weights)
  const { first, count, size, values } = weights
  const out = new Uint8Array(first.length * rowBytes)
  let place = 0
  for (let row = 0; row < first.length; row++) {
    const from = (first[row] ?? 0) * rowBytes
    const taps = count[row] ?? 0
    for (let index = 0; index < rowBytes; index++) {
      let sum = half
      for (let tap = 0; tap < taps; tap++) sum += (data[from + tap * rowBytes + index] ?? 0) * (values[row * size + tap] ?? 0)
      out[place++] = toByte(sum)
    }
  }
  return out
}

/** As `resampleColumnsOfThree`. */
function resampleRowsOfThree(data: Uint8Array, rowBytes: number, { first, count, size, values }: Weights): Uint8Array {
  const out = new Uint8Array(first.length * rowBytes)
  let place = 0
  for (let row = 0; row < first.length; row++) {
    const a = (first[row] ?? 0) * rowBytes
    const taps = count[row] ?? 0
    const b = taps > 1 ? a + rowBytes : a
    const c = taps > 2 ? a + 2 * rowBytes : a
    const [u, v, w] = [values[row * size] ?? 0, values[row * size + 1] ?? 0, values[row * size + 2] ?? 0]
    for (let index = 0; index < rowBytes; index++)
      out[place++] = (half + (data[a + index] ?? 0) * u + (data[b + index] ?? 0) * v + (data[c + index] ?? 0) * w) >> precision
  }
  return out
}
