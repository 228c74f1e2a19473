/** Patches side by side on one sheet, each with what is said of it, from left to right and then from top to bottom. */
import type { OverlayOptions } from 'sharp'
import { toPng } from './chart.ts'
import { html, type Markup } from './page.ts'

export interface Patch {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly pixels: Uint8Array
}

export interface Cell {
  /** Beside one another, without a gap. */
  readonly patches: readonly Patch[]
  /** Lines under them; what is too long is cut in its middle. */
  readonly caption: readonly string[]
}

const gap = 8
/** Patches are drawn at least so wide, in whole multiples of their size, so that pixels stay pixels. */
const width = 144
const lineHeight = 14
const fontSize = 10.5
/** Of a letter, on average. */
const letterWidth = 6.2

/** PNG on white. All patches have one size, and all cells equally many patches and lines. */
export async function drawSheet(cells: readonly Cell[], columns: number): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp')
  const [first] = cells
  const [patch] = first?.patches ?? []
  if (!first || !patch) throw new Error('Internal error: a sheet of no patches')
  const scale = Math.max(1, Math.ceil(width / patch.width))
  const [patchWidth, patchHeight] = [patch.width * scale, patch.height * scale]
  const cellWidth = first.patches.length * patchWidth + gap
  const cellHeight = patchHeight + first.caption.length * lineHeight + 2 * gap
  const placed = cells.map((cell, index) => ({
    ...cell,
    left: gap + (index % columns) * cellWidth,
    top: gap + Math.floor(index / columns) * cellHeight,
  }))
  const size = {
    width: gap + Math.min(columns, cells.length) * cellWidth,
    height: gap + Math.ceil(cells.length / columns) * cellHeight,
  }
  const images = placed.flatMap(({ patches, left, top }) =>
    patches.map(async ({ pixels, ...raw }, index): Promise<OverlayOptions> => ({
      input: await sharp(pixels, { raw })
        .resize(raw.width * scale, raw.height * scale, { kernel: 'nearest' })
        .png()
        .toBuffer(),
      left: left + index * patchWidth,
      top,
    })),
  )
  const letters = Math.floor((cellWidth - gap) / letterWidth)
  const words = placed.flatMap(({ caption, left, top }) =>
    caption.map((line, index): Markup => {
      const baseline = top + patchHeight + (index + 1) * lineHeight
      return html`<text x="${left}" y="${baseline}">${cut(line, letters)}</text>`
    }),
  )
  const text = html`<svg
    xmlns="http://www.w3.org/2000/svg"
    width="${size.width}"
    height="${size.height}"
    font-family="DejaVu Sans"
    font-size="${fontSize}"
  >
    ${words}
  </svg>`
  const overlays = [...(await Promise.all(images)), { input: Buffer.from(await toPng(text.markup, 1)), left: 0, top: 0 }]
  return sharp({ create: { ...size, channels: 3, background: 'white' } })
    .composite(overlays)
    .png()
    .toBuffer()
}

/** The beginning and the end are what tells names apart. */
function cut(name: string, letters: number): string {
  const text = name.replace(/\p{Cc}/gu, '\ufffd')
  if (text.length <= letters) return text
  const half = Math.floor((letters - 1) / 2)
  return `${text.slice(0, letters - 1 - half)}…${text.slice(text.length - half)}`
}
