/**
 * Files that are whole or not there. Each is written beside its place, synced and renamed; then a seal, its length and sha256, is put next to
 * it. A file without a seal that fits was interrupted or spoilt, and is made again.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readdir, readFile, rename, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import writeFileAtomic from 'write-file-atomic'

/** Whether the file is there with these many bytes, and they are the bytes that were written. */
export async function isSealed(path: string, bytes: number): Promise<boolean> {
  try {
    const seal = await readFile(sealOf(path), 'utf8')
    return seal.startsWith(`${bytes} `) && seal === (await measure(path))
  } catch {
    return false
  }
}

/** Writes a part at its place. Parts may come in any order, and together leave no gap; one that comes early must not change any more. */
export type WritePart = (bytes: Uint8Array, position: number) => Promise<void>

/** Bytes. */
const syncEvery = 1 << 24

/** Lets `fill` write a file and seals it. Where that fails nothing is left. */
export async function writeSealed(path: string, fill: (write: WritePart) => Promise<void>): Promise<void> {
  const beside = besideOf(path)
  try {
    const content = contentHash()
    const file = await open(beside, 'w')
    try {
      await fill(async (bytes, position) => {
        content.add(bytes, position)
        await writeFully(file, bytes, position)
        // The disk works meanwhile, and has little left to do in the end.
        if ((position + bytes.length) % syncEvery < bytes.length) await file.datasync()
      })
      await file.sync()
    } finally {
      await file.close()
    }
    const seal = content.seal()
    await rm(sealOf(path), { force: true })
    await rename(beside, path)
    await writeFileAtomic(sealOf(path), seal)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

/** The hash of parts that come in no order: those that came too early wait. */
function contentHash(): { readonly add: (bytes: Uint8Array, position: number) => void; readonly seal: () => string } {
  const hash = createHash('sha256')
  const waiting = new Map<number, Uint8Array>()
  let hashed = 0
  return {
    add(bytes, position) {
      waiting.set(position, bytes)
      for (let next = waiting.get(hashed); next; next = waiting.get(hashed)) {
        waiting.delete(hashed)
        hash.update(next)
        hashed += next.length
      }
    },
    seal() {
      if (waiting.size > 0) throw new Error('Internal error: a sealed file has a gap')
      return sealFor(hashed, hash.digest('hex'))
    },
  }
}

/** All of the bytes: a single write may stop in the middle, on a full disk for example. */
async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0
  while (done < bytes.length) done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
}

/** Fills `into`. Throws where the file ends before. */
export async function readFully(file: FileHandle, into: Uint8Array, position: number): Promise<void> {
  let done = 0
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done)
    if (bytesRead === 0) throw new Error('the pack is shorter than its manifest says; delete it and it is made again')
    done += bytesRead
  }
}

/** Where something is written before it is whole. The process's number tells later whether anyone still writes. */
export function besideOf(path: string): string {
  return `${path}.${process.pid}.partial`
}

/** Removes what killed processes left half-written in a folder. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const pid = /\.(\d+)\.partial$/.exec(name)?.[1]
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(folder, name), { recursive: true, force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM: it runs, and is another user's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function sealOf(path: string): string {
  return `${path}.seal`
}

async function measure(path: string): Promise<string> {
  const hash = createHash('sha256')
  let bytes = 0
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      bytes += chunk.length
      hash.update(chunk)
    }
  })
  return sealFor(bytes, hash.digest('hex'))
}

function sealFor(bytes: number, sha256: string): string {
  return `${bytes} ${sha256}\n`
}
