/**
 * Stamps: written after the last step of an installation, with a key for what was asked and the sizes of the files that came of it. A
 * half-done installation has none; a deleted or truncated file no longer agrees with it. Checking costs one read and some stat calls.
 */
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'

const absent = -2

interface Stamp {
  readonly key: string
  /** Path relative to the stamp's folder -> bytes, -1 for a folder. */
  readonly sizes: Readonly<Record<string, number>>
}

/** Stamps the files (paths relative to the stamp's own folder) as the outcome of `key`. */
export function writeStamp(file: string, key: string, paths: readonly string[]): void {
  const folder = dirname(file)
  const stamp: Stamp = { key, sizes: Object.fromEntries(paths.map((path) => [path, sizeOf(join(folder, path)) ?? absent])) }
  mkdirSync(folder, { recursive: true })
  writeFileAtomic.sync(file, `${JSON.stringify(stamp, null, 2)}\n`)
}

export function agreesWithStamp(file: string, key: string): boolean {
  const stamp = readStamp(file)
  if (stamp?.key !== key) return false
  return Object.entries(stamp.sizes).every(([path, size]) => sizeOf(join(dirname(file), path)) === size)
}

function readStamp(file: string): Stamp | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Stamp
  } catch {
    return undefined
  }
}

/** Undefined where there is none; a folder's own size says nothing. */
function sizeOf(path: string): number | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat?.isDirectory() ? -1 : stat?.size
}
