/** One installation of a part at a time on a checkout, also between processes; a killed owner's lock falls after some seconds. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { lock } from 'proper-lockfile'
import type { Places } from './places.ts'
import type { SetupOptions, SetupPart } from './setup-options.ts'

const retryMs = 250

export async function withLock<T>(places: Places, part: SetupPart, report: SetupOptions['report'], work: () => Promise<T>): Promise<T> {
  mkdirSync(places.setup, { recursive: true })
  // The library tells its locks apart by this name; the lock itself is the folder `<name>.lock`.
  const name = join(places.setup, part.replace(' ', '-'))
  const settings = {
    realpath: false,
    // After a long sleep of the machine another process may have taken over: each step ends in a rename, so the later one wins whole.
    onCompromised: () => undefined,
  }
  const release = await lock(name, settings).catch(async (error: unknown) => {
    if (!isHeldByAnother(error)) throw error
    report({ part, state: 'working', text: `waiting for another runner that does this (${part})` })
    return lock(name, { ...settings, retries: { forever: true, factor: 1, minTimeout: retryMs, maxTimeout: retryMs } })
  })
  try {
    return await work()
  } finally {
    await release().catch(() => undefined)
  }
}

function isHeldByAnother(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ELOCKED'
}
