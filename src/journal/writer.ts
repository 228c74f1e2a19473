/**
 * A journal has one writer. Its lock is a folder beside the journal whose time its owner renews; who that is stands in a file beside it. A lock
 * that was not renewed for ten seconds falls; that of a process of this machine that is gone, after two.
 */
import { readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { check, lock } from 'proper-lockfile'
import writeFileAtomic from 'write-file-atomic'
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts'

export interface Writer extends ProcessIdentity {
  readonly host: string
  /** Milliseconds since 1970. */
  readonly since: number
}

/** Another process writes this journal, or wrote it a few seconds ago on a machine that cannot be asked. */
export class JournalInUse extends Error {
  /** `process 4711 on ward-3, since 2026-11-23 17:30:05` */
  readonly writer: string
  constructor(path: string, writer: string) {
    super(`${path} is being written by ${writer}; wait for it to end, or end it`)
    this.name = 'JournalInUse'
    this.writer = writer
  }
}

const ownerPath = (path: string): string => `${path}.owner`
/** Of the lock's time, in milliseconds. */
const staleAfter = { unknown: 10_000, gone: 2_000 } as const
const patience = 12_000
const pause = 250

/** Whether a process writes this journal now. One that was killed counts for as long as its lock stands: two seconds here, ten elsewhere. */
export async function isWritten(path: string): Promise<boolean> {
  return check(path, { realpath: false, stale: await staleFor(path) }).catch(() => false)
}

/** Resolves with what gives the lock back. Waits for a lock that may fall; rejects with `JournalInUse` where its writer lives. */
export async function lockForWriting(path: string, onLost: () => void): Promise<() => Promise<void>> {
  const giveUp = Date.now() + patience
  for (;;) {
    try {
      // Renewed every second, so that one older than `gone` is nobody's.
      const unlock = await lock(path, { realpath: false, stale: await staleFor(path), update: 1_000, onCompromised: onLost })
      // On a full disk it stays unsigned, and stands by its time alone.
      await writeFileAtomic(ownerPath(path), JSON.stringify(thisProcess())).catch(() => undefined)
      return async () => {
        await rm(ownerPath(path), { force: true }).catch(() => undefined)
        await unlock().catch(() => undefined)
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error
      const writer = await readWriter(path)
      if ((writer && isHere(writer) && isAlive(writer)) || Date.now() > giveUp) throw new JournalInUse(path, describe(writer))
      await delay(pause)
    }
  }
}

async function staleFor(path: string): Promise<number> {
  const writer = await readWriter(path)
  return writer && isHere(writer) && !isAlive(writer) ? staleAfter.gone : staleAfter.unknown
}

function isHere({ host }: Writer): boolean {
  return host === hostname()
}

function thisProcess(): Writer {
  return { ...(identify(process.pid) ?? { pid: process.pid, start: '' }), host: hostname(), since: Date.now() }
}

/** Null where nobody is known to write: a lock so young that its owner has not signed yet, or a file that says nothing. */
async function readWriter(path: string): Promise<Writer | null> {
  try {
    const { pid, start, host, since } = JSON.parse(await readFile(ownerPath(path), 'utf8')) as Partial<Writer>
    return pid === undefined || start === undefined || host === undefined || since === undefined ? null : { pid, start, host, since }
  } catch {
    return null
  }
}

function describe(writer: Writer | null): string {
  if (!writer) return 'another process'
  return `process ${writer.pid} on ${writer.host}, since ${new Date(writer.since).toLocaleString('sv')}`
}
