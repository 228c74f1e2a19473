/**
 * Every file read once: its hash, its size, and its pixels at the experiment's size, written row after row into one file. What was read is
 * remembered by path, size and time of change, so that the second run reads nothing.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import writeFileAtomic from 'write-file-atomic'
import { decodeImage, decoderVersion, type ImageSize } from './decode.ts'
import type { Sample } from './scan.ts'

/** What is known of one file. Unreadable files have a row of zeros that nothing uses. */
export type Fact =
  { readonly sha256: string; readonly width: number; readonly height: number } | { readonly sha256: string; readonly reason: string }

export interface Inventory {
  /** In the order of the samples. */
  readonly facts: readonly Fact[]
  /** Raw rows in the order of the samples: the file, and the key of its content. */
  readonly pixels: string
  readonly key: string
}

export interface ReadProgress {
  readonly done: number
  readonly total: number
}

/** Files that are read while others are being decoded. */
const readsAtOnce = 16

export interface InventoryOptions {
  readonly root: string
  readonly size: ImageSize
  /** Folder of the cache; made if absent. */
  readonly cache: string
  readonly onProgress: (progress: ReadProgress) => void
}

export async function takeInventory(samples: readonly Sample[], options: InventoryOptions): Promise<Inventory> {
  const { root, size, cache } = options
  const key = inventoryKey(samples, root, size)
  const pixels = join(cache, `${key}.pixels`)
  const index = join(cache, `${key}.json`)
  const rowBytes = size.width * size.height * size.channels
  const known = await readIndex(index, pixels, samples.length, rowBytes)
  if (known) return { facts: known, pixels, key }

  await mkdir(cache, { recursive: true })
  const beside = `${pixels}.${process.pid}.partial`
  const file = await open(beside, 'w')
  let facts: Fact[]
  try {
    facts = await readAll(samples, options, file, rowBytes)
    await file.sync()
  } catch (error) {
    await file.close()
    await rm(beside, { force: true })
    throw error
  }
  await file.close()
  await rename(beside, pixels)
  // The index is written last: pixels without it are made again.
  await writeFileAtomic(index, JSON.stringify(facts))
  return { facts, pixels, key }
}

async function readAll(samples: readonly Sample[], options: InventoryOptions, file: FileHandle, rowBytes: number): Promise<Fact[]> {
  const limit = pLimit(readsAtOnce)
  let done = 0
  const inspect = async (sample: Sample, row: number): Promise<Fact> => {
    const { fact, pixels } = await readOne(join(options.root, sample.path), options.size)
    await file.write(pixels ?? new Uint8Array(rowBytes), 0, rowBytes, row * rowBytes)
    done += 1
    options.onProgress({ done, total: samples.length })
    return fact
  }
  return Promise.all(samples.map((sample, row) => limit(inspect, sample, row)))
}

async function readOne(path: string, size: ImageSize): Promise<{ fact: Fact; pixels: Uint8Array | null }> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (error) {
    return { fact: { sha256: '', reason: `it cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}` }, pixels: null }
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const decoded = await decodeImage(bytes, size)
  if ('reason' in decoded) return { fact: { sha256, reason: decoded.reason }, pixels: null }
  return { fact: { sha256, width: decoded.width, height: decoded.height }, pixels: decoded.pixels }
}

function inventoryKey(samples: readonly Sample[], root: string, size: ImageSize): string {
  const hash = createHash('sha256').update(JSON.stringify([decoderVersion, root, size.width, size.height, size.channels]))
  for (const { path, bytes, modifiedMs } of samples) hash.update(`${path}\0${bytes}\0${modifiedMs}\n`)
  return hash.digest('hex').slice(0, 32)
}

/** Null unless both files are whole. */
async function readIndex(index: string, pixels: string, rows: number, rowBytes: number): Promise<readonly Fact[] | null> {
  try {
    const facts = JSON.parse(await readFile(index, 'utf8')) as readonly Fact[]
    const { size } = await stat(pixels)
    return facts.length === rows && size === rows * rowBytes ? facts : null
  } catch {
    return null
  }
}
