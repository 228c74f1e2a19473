/**
 * Checkpoints: a numbered folder each, written beside, synced and renamed, so that one is either whole or not there; and the pointer files
 * `last` and `best`, replaced atomically. Writing blocks: training leaves it to a thread of its own. Reading needs no TensorFlow.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
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
 * Throws `CheckpointError`.
 */
export function writeCheckpoint(folder: string, number: number, tensors: Tensors, state: CheckpointState, isBest: boolean): void {
  try {
    writeNumbered(folder, number, tensors, state)
    writeFileAtomic.sync(join(folder, 'last'), `${folderName(number)}\n`)
    if (isBest) writeFileAtomic.sync(join(folder, 'best'), `${folderName(number)}\n`)
    removeOld(folder)
  } catch (error) {
    throw new CheckpointError(folder, error)
  }
}

function writeNumbered(folder: string, number: number, tensors: Tensors, state: CheckpointState): void {
  mkdirSync(folder, { recursive: true })
  const name = folderName(number)
  const beside = join(folder, `.${name}.partial`)
  rmSync(beside, { recursive: true, force: true })
  mkdirSync(beside)
  const bytes = Buffer.concat([...tensors.values()].map((values) => bytesOf(values)))
  const header: Header = {
    ...state,
    tensors: [...tensors].map(([tensor, values]) => ({ name: tensor, length: values.length })),
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }
  writeSynced(join(beside, 'tensors.bin'), bytes)
  writeSynced(join(beside, 'state.json'), Buffer.from(`${JSON.stringify(header, null, 2)}\n`))
  syncFolder(beside)
  rmSync(join(folder, name), { recursive: true, force: true })
  renameSync(beside, join(folder, name))
  syncFolder(folder)
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

function writeSynced(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'w')
  try {
    writeFileSync(file, bytes)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** A rename is on disk only when the folder that holds it is. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function removeOld(folder: string): void {
  const numbered = readdirSync(folder)
    .filter((name) => /^\d{6,}$/.test(name))
    .sort()
  const best = pointed(folder, 'best')
  for (const name of numbered.slice(0, -2)) if (name !== best) rmSync(join(folder, name), { recursive: true, force: true })
}

/** Null where there is no such pointer yet. */
function pointed(folder: string, pointer: Pointer): string | null {
  const path = join(folder, pointer)
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : null
}
