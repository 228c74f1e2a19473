/**
 * Plain PNGs (8 bits, not interlaced, without palette: what slide scanners write) decoded in JavaScript, about five times as fast as through
 * sharp for small patches. Everything else is left to sharp. Format: W3C PNG specification, third edition.
 */
import { inflateSync } from 'node:zlib'

export interface Pixels {
  readonly width: number
  readonly height: number
  /** Samples per pixel: 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha. */
  readonly channels: 1 | 2 | 3 | 4
  readonly data: Uint8Array
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
const channelsOfColorType: Readonly<Record<number, Pixels['channels']>> = { 0: 1, 2: 3, 4: 2, 6: 4 }

export function isPng(bytes: Uint8Array): boolean {
  return signature.every((byte, index) => bytes[index] === byte)
}

/** Null where the file is no plain PNG. Throws where it is one, and damaged or truncated, and where any PNG has more than `mostPixels`. */
export function decodePlainPng(bytes: Uint8Array, mostPixels: number): Pixels | null {
  if (!isPng(bytes) || bytes.length < 33) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [width, height] = [view.getUint32(16), view.getUint32(20)]
  const [depth, colorType, , , interlace] = bytes.subarray(24, 29)
  const channels = channelsOfColorType[colorType ?? -1]
  if (width * height > mostPixels) throw new Error(`it has more than ${mostPixels} pixels`)
  if (depth !== 8 || interlace !== 0 || channels === undefined) return null
  const parts: Uint8Array[] = []
  let offset = 8
  let isWhole = false
  while (offset + 12 <= bytes.length && !isWhole) {
    const length = view.getUint32(offset)
    const type = view.getUint32(offset + 4)
    if (type === 0x49444154) parts.push(bytes.subarray(offset + 8, offset + 8 + length))
    // Transparency by colour is rare: sharp knows it.
    if (type === 0x74524e53) return null
    isWhole = type === 0x49454e44
    offset += length + 12
  }
  const stride = width * channels
  const filtered = isWhole ? inflate(parts, (stride + 1) * height) : null
  if (!filtered) throw new Error('it is damaged or cut short')
  return { width, height, channels, data: unfilter(filtered, height, stride, channels) }
}

/** Null unless it becomes just so many bytes. */
function inflate(parts: readonly Uint8Array[], length: number): Uint8Array | null {
  try {
    const bytes = inflateSync(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts), { maxOutputLength: length })
    // Loops are compiled for the kind of array that they meet: a Buffer beside plain arrays would cost them a third.
    return bytes.length === length ? new Uint8Array(bytes.buffer, bytes.byteOffset, length) : null
  } catch {
    return null
  }
}

/**
 * Section 9 of the specification: each row says by its first byte from which neighbours its bytes are differences. They are undone in place:
 * what is written stands before all that is still to be read.
 */
function unfilter(bytes: Uint8Array, height: number, stride: number, step: number): Uint8Array {
  // What lies outside the picture counts as zero: a row of zeros above the first, and `step` zeros before each row.
  const zeros = new Uint8Array(stride)
  for (let row = 0; row < height; row++) {
    const from = row * (stride + 1) + 1
    const to = row * stride
    const filter = bytes[from - 1] ?? 0
    const undo = filters[filter]
    if (!undo) throw new Error(`it uses a filter that does not exist: ${filter}`)
    if (row === 0) undo(bytes, to, from, from + stride, zeros, 0, step)
    else undo(bytes, to, from, from + stride, bytes, to - stride, step)
  }
  return bytes.subarray(0, height * stride)
}

/**
 * Bytes `from` to `end` are the differences of the row that begins `to`; `up` in `above` begins the row above. One loop for each filter,
 * without a branch for the filter inside: much of the time of decoding goes here.
 */
type Unfilter = (bytes: Uint8Array, to: number, from: number, end: number, above: Uint8Array, up: number, step: number) => void

const filters: readonly Unfilter[] = [
  (bytes, to, from, end) => {
    bytes.copyWithin(to, from, end)
  },
  (bytes, to, from, end, _above, _up, step) => {
    bytes.copyWithin(to, from, from + step)
    for (let index = step; from + index < end; index++) bytes[to + index] = (bytes[from + index] ?? 0) + (bytes[to + index - step] ?? 0)
  },
  (bytes, to, from, end, above, up) => {
    for (let index = 0; from + index < end; index++) bytes[to + index] = (bytes[from + index] ?? 0) + (above[up + index] ?? 0)
  },
  (bytes, to, from, end, above, up, step) => {
    for (let index = 0; index < step; index++) bytes[to + index] = (bytes[from + index] ?? 0) + ((above[up + index] ?? 0) >> 1)
    for (let index = step; from + index < end; index++)
      bytes[to + index] = (bytes[from + index] ?? 0) + (((bytes[to + index - step] ?? 0) + (above[up + index] ?? 0)) >> 1)
  },
  (bytes, to, from, end, above, up, step) => {
    // Before the first pixel the nearest of left, up and corner (0, up, 0) is up.
    for (let index = 0; index < step; index++) bytes[to + index] = (bytes[from + index] ?? 0) + (above[up + index] ?? 0)
    for (let index = step; from + index < end; index++)
      bytes[to + index] =
        (bytes[from + index] ?? 0) + paeth(bytes[to + index - step] ?? 0, above[up + index] ?? 0, above[up + index - step] ?? 0)
  },
]

/** Left, up or corner, whichever is nearest to left + up - corner. Chosen by masks: a branch that depends on pixels is mostly guessed wrong. */
function paeth(left: number, up: number, corner: number): number {
  const toLeft = Math.abs(up - corner)
  const toUp = Math.abs(left - corner)
  const toCorner = Math.abs(left + up - 2 * corner)
  const notUp = (toCorner - toUp) >> 31
  const notLeft = ((toUp - toLeft) | (toCorner - toLeft)) >> 31
  return (left & ~notLeft) | (((up & ~notUp) | (corner & notUp)) & notLeft)
}
