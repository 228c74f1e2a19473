/**
 * Every file read once: its hash, its size, and its pixels at the experiment's size, written row after row into one file. What was read is
 * remembered by path, size and time of change, so that the second run reads nothing.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import writeFileAtomic from 'write-file-atomic'
import { decodeImage, decoderVersion, type ImageSize } from './decode.ts'
import type { Sample } from './scan.ts'
import { isSealed, removeAbandoned, writeFully, writeSealed } from './sealed-file.ts'
import { systemCode } from './system-error.ts'

/** What is known of one file. Unreadable files have a row of zeros that nothing uses. */
export type Fact =
  { readonly sha256: string; readonly width: number; readonly height: number } | { readonly sha256: string; readonly reason: string }

export interface Inventory {
  /** In the order of the samples. */
  readonly facts: readonly Fact[]
  /** The file of raw rows, in the order of the samples. */
  readonly pixels: string
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
  /** Ends the reading with its reason. */
  readonly signal?: AbortSignal | undefined
}

export async function takeInventory(samples: readonly Sample[], options: InventoryOptions): Promise<Inventory> {
  const { root, size, cache } = options
  const key = inventoryKey(samples, root, size)
  const pixels = join(cache, `${key}.pixels`)
  const index = join(cache, `${key}.json`)
  const known = await readIndex(index, pixels, samples.length * rowBytesOf(size))
  if (known?.length === samples.length) return { facts: known, pixels }

  await mkdir(cache, { recursive: true })
  await removeAbandoned(cache)
  let facts: Fact[] = []
  await writeSealed(pixels, async (file) => {
    facts = await readAll(samples, options, file)
    await writeFileAtomic(index, JSON.stringify(facts))
  })
  return { facts, pixels }
}

/** Bytes of one image. */
export function rowBytesOf({ width, height, channels }: ImageSize): number {
  return width * height * channels
}

async function readAll(samples: readonly Sample[], options: InventoryOptions, file: FileHandle): Promise<Fact[]> {
  const rowBytes = rowBytesOf(options.size)
  const limit = pLimit(readsAtOnce)
  let done = 0
  const inspect = async (sample: Sample, row: number): Promise<Fact> => {
    options.signal?.throwIfAborted()
    const { fact, pixels } = await readOne(join(options.root, sample.path), options.size)
    await writeFully(file, pixels ?? new Uint8Array(rowBytes), row * rowBytes)
    done += 1
    options.onProgress({ done, total: samples.length })
    return fact
  }
  try {
    return await Promise.all(samples.map((sample, row) => limit(inspect, sample, row)))
  } finally {
    limit.clearQueue()
  }
}

async function readOne(path: string, size: ImageSize): Promise<{ fact: Fact; pixels: Uint8Array | null }> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (error) {
    return { fact: { sha256: '', reason: `it cannot be read: ${systemCode(error) ?? String(error)}` }, pixels: null }
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
async function readIndex(index: string, pixels: string, bytes: number): Promise<readonly Fact[] | null> {
  if (!(await isSealed(pixels, bytes))) return null
  try {
    return JSON.parse(await readFile(index, 'utf8')) as readonly Fact[]
  } catch {
    return null
  }
}
