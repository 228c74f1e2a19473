/** The pack: rows of pixels in manifest order. Where every scanned image is in the manifest it is the inventory's own file. */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { decoderVersion, rowBytesOf, type ImageSize } from './decode.ts'
import type { Inventory } from './inventory.ts'
import type { Manifest, Pack } from './manifest.ts'
import { isSealed, readFully, writeSealed } from './sealed-file.ts'

/** The pixels of some rows of a pack, [height, width, channels] each. */
export async function readRows({ path, width, height, channels }: Pack, rows: readonly number[]): Promise<Uint8Array[]> {
  const rowBytes = rowBytesOf({ width, height, channels })
  const file = await open(path)
  try {
    const pixels: Uint8Array[] = []
    for (const row of rows) {
      const own = new Uint8Array(rowBytes)
      await readFully(file, own, row * rowBytes)
      pixels.push(own)
    }
    return pixels
  } finally {
    await file.close()
  }
}

/** `rows` are places in the inventory, one for each row of the manifest. */
export async function packRows(
  inventory: Inventory,
  manifest: Manifest,
  rows: readonly number[],
  size: ImageSize,
  cache: string,
): Promise<Pack> {
  const { width, height, channels } = size
  // Of the content alone: the same images elsewhere, or touched since, make the same pack.
  const content = JSON.stringify([decoderVersion, manifest.digest, width, height, channels])
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 32)
  const isWhole = rows.length === inventory.facts.length && rows.every((row, index) => row === index)
  const path = isWhole ? inventory.pixels : join(cache, `${digest}.pixels`)
  const pack: Pack = { path, rows: rows.length, height, width, channels, digest }
  const rowBytes = rowBytesOf(size)
  if (isWhole || (await isSealed(path, rows.length * rowBytes))) return pack

  const from = await open(inventory.pixels)
  try {
    await writeSealed(path, async (write) => {
      const buffer = new Uint8Array(rowBytes)
      for (const [index, row] of rows.entries()) {
        await readFully(from, buffer, row * rowBytes)
        await write(buffer, index * rowBytes)
      }
    })
  } finally {
    await from.close()
  }
  return pack
}
