import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { decodeImage } from '../../src/dataset/decode.ts'
import type { ImageSize } from '../../src/dataset/decode.ts'
import { decodePlainPng } from '../../src/dataset/png.ts'

interface PillowCase {
  readonly name: string
  /** base64 */
  readonly file: string
  readonly size: ImageSize
  /** base64 */
  readonly pixels: string
}

const pillowCases = JSON.parse(readFileSync(new URL('fixtures/pillow.json', import.meta.url), 'utf8')) as readonly PillowCase[]
const size = { width: 8, height: 8, channels: 3 } as const

/** A picture with every kind of neighbourhood, so that an encoder that may choose uses each of PNG's filters. */
function picture(width: number, height: number, channels: 1 | 2 | 3 | 4): Uint8Array {
  return Uint8Array.from({ length: width * height * channels }, (_, index) => (index * 7 + (index % 13) * (index % 29)) & 0xff)
}

async function reasonOf(bytes: Uint8Array): Promise<string> {
  const decoded = await decodeImage(bytes, size)
  return 'reason' in decoded ? decoded.reason : 'none: it was decoded'
}

describe('pixels', () => {
  it.each(pillowCases)('are those of Pillow: $name', async ({ file, size: wished, pixels }) => {
    const decoded = await decodeImage(Buffer.from(file, 'base64'), wished)
    expect('pixels' in decoded && Buffer.from(decoded.pixels)).toEqual(Buffer.from(pixels, 'base64'))
  })

  it.each([1, 2, 3, 4] as const)('of a plain PNG with %i channels are those of libpng', async (channels) => {
    const raw = { width: 37, height: 23, channels } as const
    for (const adaptiveFiltering of [false, true]) {
      const png = await sharp(picture(37, 23, channels), { raw })
        .png({ adaptiveFiltering, compressionLevel: 6 })
        .toBuffer()
      const ours = decodePlainPng(png, 1e6)
      const theirs = await sharp(png).raw().toBuffer({ resolveWithObject: true })
      expect(ours).toMatchObject({ width: 37, height: 23, channels: theirs.info.channels })
      expect(Buffer.from(ours?.data ?? [])).toEqual(theirs.data)
    }
  })

  it('of a JPEG, a 16-bit PNG and an interlaced one come from sharp, at the wished size', async () => {
    const raw = { width: 20, height: 10, channels: 3 } as const
    const image = sharp(picture(20, 10, 3), { raw })
    const files = [
      await image.clone().jpeg().toBuffer(),
      await image.clone().png({ progressive: true }).toBuffer(),
      await image.clone().toColourspace('rgb16').png().toBuffer(),
    ]
    for (const file of files) {
      const decoded = await decodeImage(file, size)
      expect(decoded).toMatchObject({ width: 20, height: 10 })
      expect('pixels' in decoded && decoded.pixels.length).toBe(8 * 8 * 3)
    }
    const [interlaced, plain] = await Promise.all([
      decodeImage(files[1] ?? Buffer.of(), size),
      image
        .png()
        .toBuffer()
        .then((png) => decodeImage(png, size)),
    ])
    expect(interlaced).toEqual(plain)
  })
})

describe('a file that is no image', () => {
  const raw = { width: 30, height: 30, channels: 3 } as const

  it('is called empty, no image, or damaged', async () => {
    const png = await sharp(picture(30, 30, 3), { raw })
      .png()
      .toBuffer()
    const jpeg = await sharp(picture(30, 30, 3), { raw })
      .jpeg()
      .toBuffer()
    const flipped = Buffer.from(png)
    flipped.writeUInt8(flipped.readUInt8(200) ^ 0xff, 200)
    expect(await reasonOf(Buffer.of())).toBe('it is empty')
    expect(await reasonOf(Buffer.from('patient,label\n1,0\n'))).toBe('it is no image')
    for (const damaged of [png.subarray(0, 20), png.subarray(0, 400), png.subarray(0, -8), flipped, jpeg.subarray(0, 300)])
      expect(await reasonOf(damaged)).toBe('it is damaged or cut short')
  })

  it('is refused by its header where it would fill the memory', async () => {
    const png = Buffer.from(
      await sharp(picture(30, 30, 3), { raw })
        .png()
        .toBuffer(),
    )
    png.writeUInt32BE(40_000, 16)
    png.writeUInt32BE(40_000, 20)
    expect(await reasonOf(png)).toBe('it has more than 25000000 pixels')
  })
})
