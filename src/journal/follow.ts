/** Reading a journal that another process writes: what was added since the last look. */
import { open } from 'node:fs/promises'
import type { Recorded } from './events.ts'
import { decodeEvent } from './journal.ts'

export interface FollowedJournal {
  /** Everything seen so far, in order. */
  readonly events: readonly Recorded[]
  /** Looks once more; resolves with what is new. A line that is not whole yet waits for the next look. */
  poll(): Promise<readonly Recorded[]>
}

export function followJournal(path: string): FollowedJournal {
  const events: Recorded[] = []
  let position = 0
  return {
    events,
    async poll() {
      const text = await readFrom(path, position)
      const added: Recorded[] = []
      for (const line of text.split('\n').slice(0, -1)) {
        const event = decodeWhole(line)
        if (event?.sequence !== events.length) break
        position += Buffer.byteLength(line) + 1
        events.push(event)
        added.push(event)
      }
      return added
    },
  }
}

/** Another machine's writing may reach a shared file system in pieces. */
function decodeWhole(line: string): Recorded | null {
  try {
    return decodeEvent(line)
  } catch {
    return null
  }
}

async function readFrom(path: string, position: number): Promise<string> {
  const file = await open(path).catch(() => null)
  if (!file) return ''
  try {
    const { size } = await file.stat()
    if (size <= position) return ''
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - position), 0, size - position, position)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}
