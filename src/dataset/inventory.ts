/**
 * Every file read once: its hash, its size, and its pixels at the experiment's size, written row after row into one file. What was read is
 * remembered by path, size and time of change, so that the second run reads nothing.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { decoderVersion, rowBytesOf, type ImageSize } from './decode.ts'
import type { Fact } from './image-reader.ts'
import { openImageReaders } from './image-readers.ts'
import type { Sample } from './scan.ts'
import { isSealed, removeAbandoned, writeSealed, type WritePart } from './sealed-file.ts'

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

/** A file, and what changes when its content does. */
export type NamedFile = Pick<Sample, 'path' | 'bytes' | 'modifiedMs'>

/** Images that a thread is given at a time. */
const imagesAtOnce = 64

export interface InventoryOptions {
  readonly root: string
  readonly size: ImageSize
  /** Folder of the cache; made if absent. */
  readonly cache: string
  readonly onProgress: (progress: ReadProgress) => void
  /** Ends the reading with its reason. */
  readonly signal?: AbortSignal | undefined
}

export async function takeInventory(samples: readonly NamedFile[], options: InventoryOptions): Promise<Inventory> {
  const { root, size, cache } = options
  const key = inventoryKey(samples, root, size)
  const pixels = join(cache, `${key}.pixels`)
  const index = join(cache, `${key}.json`)
  const known = await readIndex(index, pixels, samples.length * rowBytesOf(size))
  if (known?.length === samples.length) return { facts: known, pixels }

  await mkdir(cache, { recursive: true })
  await removeAbandoned(cache)
  let facts: Fact[] = []
  await writeSealed(pixels, async (write) => {
    facts = await readAll(samples, options, write)
    await writeFileAtomic(index, JSON.stringify(facts))
  })
  return { facts, pixels }
}

async function readAll(
  samples: readonly NamedFile[],
  { root, size, signal, onProgress }: InventoryOptions,
  write: WritePart,
): Promise<Fact[]> {
  const readers = openImageReaders()
  let done = 0
  const readFrom = async (first: number): Promise<readonly Fact[]> => {
    const some = samples.slice(first, first + imagesAtOnce)
    const { facts, pixels } = await readers.read({ paths: some.map(({ path }) => join(root, path)), size })
    signal?.throwIfAborted()
    await write(pixels, first * rowBytesOf(size))
    done += some.length
    onProgress({ done, total: samples.length })
    return facts
  }
  try {
    const firsts = Array.from({ length: Math.ceil(samples.length / imagesAtOnce) }, (_, index) => index * imagesAtOnce)
    return (await Promise.all(firsts.map(readFrom))).flat()
  } finally {
    await readers.close()
  }
}

function inventoryKey(samples: readonly NamedFile[], root: string, size: ImageSize): string {
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
