/**
 * Which part of an image an answer rests on, asked of any model: a square hides one place after another, and the fall of the probability is noted
 * (Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks"), as log-odds: near 1 a probability hardly moves whatever is hidden.
 */

export interface Size {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
}

export interface Square {
  /** Of its left upper corner. */
  readonly x: number
  readonly y: number
  readonly side: number
}

/** A quarter of the image's shorter side, moved by half of that: 49 squares on a square image, which cover all of it. */
export function squaresOver({ width, height }: Size): readonly Square[] {
  const side = Math.max(1, Math.round(Math.min(width, height) / 4))
  const step = Math.max(1, Math.round(side / 2))
  const along = (length: number): number[] => {
    const last = length - side
    const starts = Array.from({ length: Math.floor(last / step) + 1 }, (_, index) => index * step)
    return starts.at(-1) === last ? starts : [...starts, last]
  }
  return along(height).flatMap((y) => along(width).map((x) => ({ x, y, side })))
}

/** The image with its own mean colour in the place of the square. pixels [height, width, channels], row after row */
export function hide(pixels: Uint8Array, { width, height, channels }: Size, { x, y, side }: Square): Uint8Array {
  const colour = Array.from({ length: channels }, (_, channel) => {
    let sum = 0
    for (let index = channel; index < pixels.length; index += channels) sum += pixels[index] ?? 0
    return Math.round(sum / (width * height))
  })
  const hidden = pixels.slice()
  for (let row = y; row < y + side; row++)
    for (let column = x; column < x + side; column++) hidden.set(colour, (row * width + column) * channels)
  return hidden
}

/** How far the log-odds fall from one probability to another. */
export function fallOfLogOdds(from: number, to: number): number {
  return logOdds(from) - logOdds(to)
}

/** A float32 shows nothing nearer to 0 or 1. */
const nearest = 2 ** -24

function logOdds(probability: number): number {
  const p = Math.min(1 - nearest, Math.max(nearest, probability))
  return Math.log(p / (1 - p))
}

/** Of each pixel the mean fall of the squares that hide it. falls [squares] -> [height, width] */
export function fallsByPixel({ width, height }: Size, squares: readonly Square[], falls: readonly number[]): Float32Array {
  const sums = new Float32Array(width * height)
  const counts = new Float32Array(width * height)
  for (const [index, { x, y, side }] of squares.entries())
    for (let row = y; row < y + side; row++)
      for (let column = x; column < x + side; column++) {
        const pixel = row * width + column
        sums[pixel] = (sums[pixel] ?? 0) + (falls[index] ?? 0)
        counts[pixel] = (counts[pixel] ?? 0) + 1
      }
  return sums.map((sum, pixel) => sum / Math.max(1, counts[pixel] ?? 0))
}
