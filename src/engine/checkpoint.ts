/**
 * Checkpoints: a numbered folder each, written beside, synced and renamed, so that one is either whole or not there; and the pointer files
 * `last` and `best`, replaced atomically. Reading needs no TensorFlow.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { isFullDisk } from '../dataset/system-error.ts'
import type { EngineFailure } from './protocol.ts'

export interface CheckpointState {
  readonly version: 1
  /** Epochs and optimizer steps done. */
  readonly epoch: number
  readonly step: number
  /** Selection so far: the best value of the selected metric, and the epoch that had it. */
  readonly best: { readonly epoch: number; readonly value: number } | null
  /** Early stopping so far, likewise. */
  readonly patience: { readonly epoch: number; readonly value: number } | null
  /** What is left of the learning rate after losses that were no numbers; left out where it is whole. */
  readonly rateFactor?: number
}

export type Tensors = ReadonlyMap<string, Float32Array>
export type Pointer = 'last' | 'best'

/** The system did not let a checkpoint be written; those before it stand. */
export class CheckpointError extends Error {
  readonly failure: EngineFailure
  constructor(folder: string, cause: unknown) {
    super(`a checkpoint could not be written under ${folder}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.name = 'CheckpointError'
    this.failure = { code: 'checkpoint', message: this.message }
  }

  /** There is no room: there may be some later. */
  get isFullDisk(): boolean {
    return isFullDisk(this.cause)
  }
}

interface Header extends CheckpointState {
  /** In the order in which they stand in `tensors.bin`, little-endian float32. */
  readonly tensors: readonly { readonly name: string; readonly length: number }[]
  readonly sha256: string
}

/**
 * Writes the checkpoint of that number and lets `last`, and `best` where asked, point to it. Keeps the two newest and the best.
 * Rejects with `CheckpointError`.
 */
export async function writeCheckpoint(
  folder: string,
  number: number,
  tensors: Tensors,
  state: CheckpointState,
  isBest: boolean,
): Promise<void> {
  try {
    await writeNumbered(folder, number, tensors, state)
    await writeFileAtomic(join(folder, 'last'), `${folderName(number)}\n`)
    if (isBest) await writeFileAtomic(join(folder, 'best'), `${folderName(number)}\n`)
    await removeOld(folder)
  } catch (error) {
    throw new CheckpointError(folder, error)
  }
}

async function writeNumbered(folder: string, number: number, tensors: Tensors, state: CheckpointState): Promise<void> {
  await mkdir(folder, { recursive: true })
  const name = folderName(number)
  const beside = join(folder, `.${name}.partial`)
  await rm(beside, { recursive: true, force: true })
  await mkdir(beside)
  const bytes = Buffer.concat([...tensors.values()].map((values) => bytesOf(values)))
  const header: Header = {
    ...state,
    tensors: [...tensors].map(([tensor, values]) => ({ name: tensor, length: values.length })),
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }
  await writeSynced(join(beside, 'tensors.bin'), bytes)
  await writeSynced(join(beside, 'state.json'), Buffer.from(`${JSON.stringify(header, null, 2)}\n`))
  await syncFolder(beside)
  await rm(join(folder, name), { recursive: true, force: true })
  await rename(beside, join(folder, name))
  await syncFolder(folder)
}

/** Throws where there is none, or where its bytes are not those that were written. */
export async function readCheckpoint(folder: string, which: Pointer | number): Promise<{ state: CheckpointState; tensors: Tensors }> {
  const name = typeof which === 'number' ? folderName(which) : (await readFile(join(folder, which), 'utf8')).trim()
  const { tensors: entries, sha256, ...state } = JSON.parse(await readFile(join(folder, name, 'state.json'), 'utf8')) as Header
  const bytes = await readFile(join(folder, name, 'tensors.bin'))
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new Error(`checkpoint ${name} is damaged: its bytes have changed`)
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  const tensors = new Map<string, Float32Array>()
  let offset = 0
  for (const { name: tensor, length } of entries) {
    tensors.set(tensor, values.subarray(offset, offset + length))
    offset += length
  }
  return { state, tensors }
}

/** sha256 over the named tensors in that order, hex. */
export function hashTensors(tensors: Tensors, names: readonly string[]): string {
  const hash = createHash('sha256')
  for (const name of names) hash.update(bytesOf(tensors.get(name) ?? new Float32Array()))
  return hash.digest('hex')
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

function folderName(number: number): string {
  return String(number).padStart(6, '0')
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A rename is on disk only when the folder that holds it is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function removeOld(folder: string): Promise<void> {
  const numbered = (await readdir(folder)).filter((name) => /^\d{6,}$/.test(name)).sort()
  const best = await readFile(join(folder, 'best'), 'utf8').catch(() => '')
  for (const name of numbered.slice(0, -2)) if (name !== best.trim()) await rm(join(folder, name), { recursive: true, force: true })
}
