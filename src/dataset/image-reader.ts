/** A thread that reads images: paths in, facts and pixels out. Started by `openImageReaders`. */
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { decodeImage, rowBytesOf, type ImageSize } from './decode.ts'
import { systemCode } from './system-error.ts'

/** What is known of one file. Unreadable files have a row of zeros that nothing uses. */
export type Fact =
  { readonly sha256: string; readonly width: number; readonly height: number } | { readonly sha256: string; readonly reason: string }

/** Of one file: larger ones are no patches. */
const mostBytes = 64_000_000

export interface ReadRequest {
  readonly paths: readonly string[]
  readonly size: ImageSize
}

/** In the order of the paths; the pixels row after row. */
export interface ReadImages {
  readonly facts: readonly Fact[]
  readonly pixels: Uint8Array<ArrayBuffer>
}

async function readImages({ paths, size }: ReadRequest): Promise<ReadImages> {
  const rowBytes = rowBytesOf(size)
  const pixels = new Uint8Array(paths.length * rowBytes)
  const facts: Fact[] = []
  for (const [row, path] of paths.entries()) facts.push(await readOne(path, size, pixels.subarray(row * rowBytes, (row + 1) * rowBytes)))
  return { facts, pixels }
}

async function readOne(path: string, size: ImageSize, pixels: Uint8Array): Promise<Fact> {
  let bytes: Uint8Array | null
  try {
    bytes = readWhole(path)
  } catch (error) {
    return { sha256: '', reason: `it cannot be read: ${systemCode(error) ?? String(error)}` }
  }
  if (bytes === null) return { sha256: '', reason: `it is larger than ${mostBytes} bytes` }
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const decoded = await decodeImage(bytes, size, pixels)
  return 'reason' in decoded ? { sha256, reason: decoded.reason } : { sha256, width: decoded.width, height: decoded.height }
}

let buffer = Buffer.allocUnsafeSlow(1 << 18)

/**
 * Bytes of a file, until the next is read; null where they are too many. A thread has nothing else to do meanwhile, and a small file is read
 * twice as fast as by `readFileSync` into memory of its own.
 */
function readWhole(path: string): Uint8Array | null {
  const file = openSync(path, 'r')
  try {
    let length = 0
    for (;;) {
      const bytesRead = readSync(file, buffer, length, buffer.length - length, null)
      if (bytesRead === 0) return buffer.subarray(0, length)
      length += bytesRead
      if (length < buffer.length) continue
      const size = Math.max(fstatSync(file).size, length)
      if (size > mostBytes) return null
      buffer = Buffer.concat([buffer], size + 1)
    }
  } finally {
    closeSync(file)
  }
}

parentPort?.on('message', (request: ReadRequest) => {
  void readImages(request).then((images) => parentPort?.postMessage(images, [images.pixels.buffer]))
})
