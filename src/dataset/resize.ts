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

/** data [height, width, channels] -> into [toHeight, toWidth, channels]; columns first, then rows, each rounded to bytes. */
export function resizeBilinear(
  data: Uint8Array,
  [height, width]: readonly [number, number],
  channels: 1 | 3,
  [toHeight, toWidth]: readonly [number, number],
  into: Uint8Array,
): void {
  const [columns, rows] = [weightsFor(width, toWidth), weightsFor(height, toHeight)]
  const wide = width === toWidth ? data : scratch(height * toWidth * channels)
  if (channels === 3) {
    if (width !== toWidth) resampleColumns(data, height, width, columns, wide)
    if (height !== toHeight) resampleRows(wide, toWidth * 3, rows, into)
  } else {
    if (width !== toWidth) resampleGrey(data, { lines: height, step: 1, lineStep: width, toLineStep: toWidth }, columns, wide)
    if (height !== toHeight) resampleGrey(wide, { lines: toWidth, step: toWidth, lineStep: 1, toLineStep: 1 }, rows, into)
  }
  if (height === toHeight) into.set(wide)
}

let kept = new Uint8Array(0)

/** The same memory for every image: to ask for it and to give it back again would cost a tenth of the work on a small one. */
function scratch(length: number): Uint8Array {
  if (kept.length < length) kept = new Uint8Array(length)
  return kept.subarray(0, length)
}

/** Half of the last place, so that the shift rounds. */
const half = 1 << (precision - 1)

/**
 * The products fit 32 bits, and weights are not negative and add up to one but for their rounding, so that no sum leaves the bytes: integers all
 * the way. With the three sums of a colour pixel side by side, that is twice as fast as the plain loop.
 */
function resampleColumns(data: Uint8Array, height: number, width: number, weights: Weights, into: Uint8Array): void {
  const { first, count, size, values } = weights
  let place = 0
  for (let line = 0; line < height; line++)
    for (let pixel = 0; pixel < first.length; pixel++) {
      let from = (line * width + (first[pixel] ?? 0)) * 3
      let red = half
      let green = half
      let blue = half
      const end = pixel * size + (count[pixel] ?? 0)
      for (let tap = pixel * size; tap < end; tap++) {
        const weight = values[tap] ?? 0
        red += Math.imul(data[from] ?? 0, weight)
        green += Math.imul(data[from + 1] ?? 0, weight)
        blue += Math.imul(data[from + 2] ?? 0, weight)
        from += 3
      }
      into[place++] = red >> precision
      into[place++] = green >> precision
      into[place++] = blue >> precision
    }
}

function resampleRows(data: Uint8Array, rowBytes: number, { first, count, size, values }: Weights, into: Uint8Array): void {
  let place = 0
  for (let row = 0; row < first.length; row++) {
    const start = (first[row] ?? 0) * rowBytes
    const end = row * size + (count[row] ?? 0)
    for (let index = 0; index < rowBytes; index += 3) {
      let from = start + index
      let red = half
      let green = half
      let blue = half
      for (let tap = row * size; tap < end; tap++) {
        const weight = values[tap] ?? 0
        red += Math.imul(data[from] ?? 0, weight)
        green += Math.imul(data[from + 1] ?? 0, weight)
        blue += Math.imul(data[from + 2] ?? 0, weight)
        from += rowBytes
      }
      into[place++] = red >> precision
      into[place++] = green >> precision
      into[place++] = blue >> precision
    }
  }
}

/** Samples along the axis stand `step` apart; the lines of them `lineStep`, and `toLineStep` in the result. */
interface GreyAxis {
  readonly lines: number
  readonly step: number
  readonly lineStep: number
  readonly toLineStep: number
}

function resampleGrey(data: Uint8Array, { lines, step, lineStep, toLineStep }: GreyAxis, weights: Weights, into: Uint8Array): void {
  const { first, count, size, values } = weights
  for (let line = 0; line < lines; line++)
    for (let sample = 0; sample < first.length; sample++) {
      let from = line * lineStep + (first[sample] ?? 0) * step
      let sum = half
      const end = sample * size + (count[sample] ?? 0)
      for (let tap = sample * size; tap < end; tap++) {
        sum += Math.imul(data[from] ?? 0, values[tap] ?? 0)
        from += step
      }
      into[line * toLineStep + sample * step] = sum >> precision
    }
}
