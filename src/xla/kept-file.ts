/** Files that a later process trusts: a digest, then the bytes. One that was cut off or altered counts as absent. */
import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import writeFileAtomic from 'write-file-atomic'

const digestLength = 32

/** Null where there is none, or where its bytes are not those that were written. */
export async function readKept(path: string): Promise<Buffer | null> {
  const file = await readFile(path).catch(() => null)
  if (!file) return null
  const bytes = file.subarray(digestLength)
  return digestOf(bytes).equals(file.subarray(0, digestLength)) ? bytes : null
}

/** Makes the folder where it is absent. */
export async function writeKept(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFileAtomic(path, Buffer.concat([digestOf(bytes), bytes]))
}

/** A file name for what was made from these parts, and from nothing else. */
export function keptName(parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:${part}`)
  return hash.digest('hex').slice(0, 32)
}

function digestOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}
