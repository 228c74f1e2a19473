/** The pack: rows of pixels in manifest order. Where every scanned image is in the manifest it is the inventory's own file. */
import { createHash } from 'node:crypto'
import { open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageSize } from './decode.ts'
import type { Inventory } from './inventory.ts'
import type { Pack } from './manifest.ts'

/** `rows` are places in the inventory, in manifest order. */
export async function packRows(inventory: Inventory, rows: readonly number[], size: ImageSize, cache: string): Promise<Pack> {
  const isWhole = rows.length === inventory.facts.length && rows.every((row, index) => row === index)
  const rowBytes = size.width * size.height * size.channels
  const key = isWhole ? inventory.key : createHash('sha256').update(`${inventory.key}\n${rows.join()}`).digest('hex').slice(0, 32)
  const path = isWhole ? inventory.pixels : join(cache, `${key}.pixels`)
  const pack: Pack = { path, rows: rows.length, height: size.height, width: size.width, channels: size.channels, digest: key }
  if (isWhole || (await sizeOf(path)) === rows.length * rowBytes) return pack

  const beside = `${path}.${process.pid}.partial`
  const from = await open(inventory.pixels)
  const to = await open(beside, 'w')
  try {
    const buffer = new Uint8Array(rowBytes)
    for (const [index, row] of rows.entries()) {
      await from.read(buffer, 0, rowBytes, row * rowBytes)
      await to.write(buffer, 0, rowBytes, index * rowBytes)
    }
    await to.sync()
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  } finally {
    await from.close()
    await to.close()
  }
  await rename(beside, path)
  return pack
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => -1,
  )
}
