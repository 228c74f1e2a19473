/** Patches side by side on one sheet, in the order of a table: from left to right, then from top to bottom. */
import type { OverlayOptions } from 'sharp'

export interface Patch {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly pixels: Uint8Array
}

const columns = 5
const gap = 6
/** Patches are drawn at least so wide, in whole multiples of their size, so that pixels stay pixels. */
const width = 96

/** PNG on white. All patches have one size. */
export async function drawSheet(patches: readonly Patch[]): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp')
  const [first] = patches
  if (!first) throw new Error('Internal error: a sheet of no patches')
  const scale = Math.max(1, Math.ceil(width / first.width))
  const [cellWidth, cellHeight] = [first.width * scale + gap, first.height * scale + gap]
  const overlays = await Promise.all(
    patches.map(async ({ pixels, ...raw }, index): Promise<OverlayOptions> => ({
      input: await sharp(pixels, { raw })
        .resize(raw.width * scale, raw.height * scale, { kernel: 'nearest' })
        .png()
        .toBuffer(),
      left: gap + (index % columns) * cellWidth,
      top: gap + Math.floor(index / columns) * cellHeight,
    })),
  )
  const size = {
    width: gap + Math.min(columns, patches.length) * cellWidth,
    height: gap + Math.ceil(patches.length / columns) * cellHeight,
  }
  return sharp({ create: { ...size, channels: 3, background: 'white' } })
    .composite(overlays)
    .png()
    .toBuffer()
}
