/**
 * The journal: one event a line, appended by one writer, replayed by anyone. A torn last line (the power went while it was written) is
 * dropped with a note; a torn line in the middle means that something else wrote, and is refused.
 */
import { constants } from 'node:fs'
import { open, readFile, type FileHandle } from 'node:fs/promises'
import type { Event, Recorded } from './events.ts'
import { JournalInUse, lockForWriting } from './writer.ts'

/** What could be read, and whether a torn last line was left out. */
export interface Replay {
  readonly events: readonly Recorded[]
  readonly isTorn: boolean
  /** Bytes of whole lines: where the next event goes. */
  readonly bytes: number
}

/** A line that is neither an event nor the torn end of the file. */
export class JournalDamage extends Error {
  readonly line: number
  constructor(path: string, line: number) {
    super(`${path}:${line} is not an event; the journal was damaged or edited, and nothing after this line can be trusted`)
    this.name = 'JournalDamage'
    this.line = line
  }
}

/** Events that have to be on disk before anything that follows from them happens. */
const synced: ReadonlySet<Event['type']> = new Set(['run-started', 'epoch', 'committed', 'pruning', 'test-read', 'evaluated', 'run-ended'])

const nonFinite: Readonly<Record<string, number>> = { NaN: NaN, Infinity: Infinity, '-Infinity': -Infinity }

/** JSON has no numbers for these; metrics, and what pruning makes of them, have. */
export function encodeEvent(event: Recorded): string {
  return JSON.stringify(event, (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value))
}

export function decodeEvent(line: string): Recorded {
  const event = JSON.parse(line) as Recorded
  if (event.type === 'pruning') {
    const comparedWith = event.comparedWith.map(({ run, value }) => ({ run, value: decodeNumber(value) }))
    return {
      ...event,
      value: decodeNumber(event.value),
      threshold: event.threshold === null ? null : decodeNumber(event.threshold),
      comparedWith,
    }
  }
  if (event.type !== 'epoch' && event.type !== 'evaluated') return event
  const metrics = Object.entries(event.metrics).map(([name, value]): [string, number] => [name, decodeNumber(value)])
  return { ...event, metrics: Object.fromEntries(metrics) }
}

function decodeNumber(written: number | string): number {
  return nonFinite[written] ?? Number(written)
}

/** An absent file is an empty journal. Throws `JournalDamage`. */
export async function readJournal(path: string): Promise<Replay> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  })
  const lines = text.split('\n')
  const rest = lines.pop() ?? ''
  const events: Recorded[] = []
  for (const [index, line] of lines.entries()) {
    const event = parseLine(line)
    if (event?.sequence !== events.length) throw new JournalDamage(path, index + 1)
    events.push(event)
  }
  return { events, isTorn: rest !== '', bytes: Buffer.byteLength(text) - Buffer.byteLength(rest) }
}

function parseLine(line: string): Recorded | null {
  try {
    return decodeEvent(line)
  } catch {
    return null
  }
}

export interface Journal {
  readonly path: string
  /** Everything so far, in order. */
  readonly events: readonly Recorded[]
  /** Stamps, numbers and writes the event; resolves when it is in the file, and for events that others rely on when it is on disk. */
  append(event: Event): Promise<Recorded>
  close(): Promise<void>
}

export interface JournalOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Told of every event once it is written. */
  readonly onEvent?: (event: Recorded) => void
}

/**
 * Opens for appending, after what is there; a torn last line is cut off. One writer at a time: throws `JournalInUse` where there is
 * another that lives. Where that one was killed, its lock falls within seconds, for which this waits.
 */
export async function openJournal(path: string, options: JournalOptions): Promise<Journal> {
  const writer = new JournalWriter(path, options)
  await writer.open()
  return writer
}

class JournalWriter implements Journal {
  readonly path: string
  readonly events: Recorded[] = []
  readonly #options: JournalOptions
  #file: FileHandle | null = null
  #unlock: () => Promise<void> = () => Promise.resolve()
  #isLost = false
  #position = 0
  /** Appends follow one another, whoever awaits them. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(path: string, options: JournalOptions) {
    this.path = path
    this.#options = options
  }

  async open(): Promise<void> {
    this.#unlock = await lockForWriting(this.path, () => (this.#isLost = true))
    try {
      const { events, bytes, isTorn } = await readJournal(this.path)
      this.#file = await open(this.path, constants.O_RDWR | constants.O_CREAT)
      if (isTorn) await this.#file.truncate(bytes)
      this.events.push(...events)
      this.#position = bytes
    } catch (error) {
      await this.close()
      throw error
    }
  }

  append(event: Event): Promise<Recorded> {
    const written = this.#queue.then(() => this.#write(event))
    this.#queue = written.catch(() => undefined)
    return written
  }

  async close(): Promise<void> {
    await this.#queue
    await this.#file?.close()
    this.#file = null
    await this.#unlock()
  }

  async #write(event: Event): Promise<Recorded> {
    if (this.#isLost) throw new JournalInUse(this.path, 'another process, which took its lock')
    if (!this.#file) throw new Error(`Internal error: ${this.path} is closed`)
    const recorded: Recorded = { ...event, sequence: this.events.length, at: this.#options.now() }
    const line = Buffer.from(`${encodeEvent(recorded)}\n`)
    // A disk that is nearly full takes less than it is given, and refuses the rest with an error.
    for (let done = 0; done < line.length;) {
      const { bytesWritten } = await this.#file.write(line, done, line.length - done, this.#position + done)
      done += bytesWritten
    }
    if (synced.has(event.type)) await this.#file.datasync()
    this.#position += line.length
    this.events.push(recorded)
    this.#options.onEvent?.(recorded)
    return recorded
  }
}
