/** Bytes of a file to pixels of the experiment's size. */
import type { Pixels } from './png.ts'
import { decodePlainPng } from './png.ts'
import { convertChannels, resizeBilinear } from './resize.ts'

export interface ImageSize {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
}

/** Bytes of one image. */
export function rowBytesOf({ width, height, channels }: ImageSize): number {
  return width * height * channels
}

/** What became of a file: its own size and its pixels at the wished one, or why it is no image. */
export type Decoded = { readonly width: number; readonly height: number; readonly pixels: Uint8Array } | { readonly reason: string }

/** Raised whenever the same bytes would become other pixels. */
export const decoderVersion = 1

/** 5000 x 5000: no patch is larger; a small file that claims to be is a bomb. */
export const mostPixels = 25_000_000

/** Pixels are written into `pixels`, which has `rowBytesOf(size)`. */
export async function decodeImage(
  bytes: Uint8Array,
  size: ImageSize,
  pixels: Uint8Array = new Uint8Array(rowBytesOf(size)),
): Promise<Decoded> {
  if (bytes.length === 0) return { reason: 'it is empty' }
  try {
    const image = decodePlainPng(bytes, mostPixels) ?? (await decodeWithSharp(bytes))
    const { width, height } = image
    resizeBilinear(convertChannels(image, size.channels), [height, width], size.channels, [size.height, size.width], pixels)
    return { width, height, pixels }
  } catch (error) {
    return { reason: plainReason(error) }
  }
}

/** Programs more than pictures: how large they become, and what they refer to, is theirs to say. */
const drawings: ReadonlySet<string | undefined> = new Set(['svg', 'pdf', 'magick'])

async function decodeWithSharp(bytes: Uint8Array): Promise<Pixels> {
  const { default: sharp } = await import('sharp')
  const image = sharp(bytes, { limitInputPixels: mostPixels, failOn: 'truncated' })
  const { format } = await image.metadata()
  if (drawings.has(format)) throw new Error(`it is a drawing (${format}), not an image of pixels`)
  const { data, info } = await image.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, channels: info.channels, data }
}

function plainReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  if (/unsupported image format/i.test(message)) return 'it is no image'
  if (/pixel limit/i.test(message)) return `it has more than ${mostPixels} pixels`
  if (/unexpected end of file|header|invalid|truncat|premature|corrupt|damaged/i.test(message)) return 'it is damaged or cut short'
  return message.split('\n')[0] ?? message
}
