/**
 * The way of the pixels from the pack to a step: all of them written into the graph once, or, where they do not fit the budget, each
 * batch's rows read ahead while the batch before it computes. The values are the same either way.
 */
import { open } from 'node:fs/promises'
import type { Pack } from '../dataset/manifest.ts'
import { readFully } from '../dataset/sealed-file.ts'
import type { Feed, Program } from '../graph/step-function.ts'
import type { ImageSource } from './steps.ts'

export function rowBytes(pack: Pack): number {
  return pack.height * pack.width * pack.channels
}

export function imageSource(pack: Pack, budget: number): ImageSource {
  return pack.rows * rowBytes(pack) <= budget ? 'table' : 'feed'
}

const chunkRows = 8192

/** Writes the whole pack into the program's table, one reused buffer at a time. */
export async function fillTable(pack: Pack, program: Program): Promise<void> {
  const file = await open(pack.path)
  try {
    const size = rowBytes(pack)
    const buffer = new Uint8Array(Math.min(chunkRows, pack.rows) * size)
    for (let first = 0; first < pack.rows; first += chunkRows) {
      const count = Math.min(chunkRows, pack.rows - first)
      const chunk = buffer.subarray(0, count * size)
      await readFully(file, chunk, first * size)
      program.fillTable(first, chunk)
    }
  } finally {
    await file.close()
  }
}

/** The images of batches in turn, as feeds. */
export interface ImageFeed {
  feeds(batches: readonly Int32Array[]): AsyncGenerator<Readonly<Record<string, Feed>>>
  close(): Promise<void>
}

export async function openImageFeed(pack: Pack, source: ImageSource): Promise<ImageFeed> {
  if (source === 'table') {
    return {
      // eslint wants an await in an async generator, and a resident table has nothing to wait for.
      async *feeds(batches) {
        for (const rows of batches) yield await Promise.resolve({ rows })
      },
      close: () => Promise.resolve(),
    }
  }
  const file = await open(pack.path)
  const size = rowBytes(pack)
  const readBatch = async (rows: Int32Array): Promise<Readonly<Record<string, Feed>>> => {
    const pixels = new Uint8Array(rows.length * size)
    await Promise.all(
      runsOf(rows).map(({ index, row, count }) => readFully(file, pixels.subarray(index * size, (index + count) * size), row * size)),
    )
    return { pixels }
  }
  return {
    async *feeds(batches) {
      const [first, ...rest] = batches
      if (!first) return
      let coming = readBatch(first)
      for (const rows of rest) {
        const ready = await coming
        coming = readBatch(rows)
        yield ready
      }
      yield await coming
    },
    close: () => file.close(),
  }
}

/** Rows that lie one behind the other are read at once. */
function runsOf(rows: Int32Array): readonly { readonly index: number; readonly row: number; readonly count: number }[] {
  const runs: { index: number; row: number; count: number }[] = []
  for (const [index, row] of rows.entries()) {
    const last = runs.at(-1)
    if (last && last.row + last.count === row) last.count += 1
    else runs.push({ index, row, count: 1 })
  }
  return runs
}

/**
 * Cuts an epoch's rows into batches. Where one is smaller it stands in the middle: a step on a few images throws weights, moving averages and
 * accumulators about, so it is neither the first of a training nor the last before an evaluation. docs/decisions/0006.
 */
export function trainingBatches(rows: Int32Array, batchSize: number): Int32Array[] {
  const short = rows.length % batchSize
  const batches = batchesOf(rows.subarray(short), batchSize)
  if (short > 0) batches.splice(batches.length >> 1, 0, rows.subarray(0, short))
  return batches
}

/** Cuts rows into batches; the last may be smaller. */
export function batchesOf(rows: Int32Array, batchSize: number): Int32Array[] {
  const batches: Int32Array[] = []
  for (let first = 0; first < rows.length; first += batchSize) batches.push(rows.subarray(first, first + batchSize))
  return batches
}
