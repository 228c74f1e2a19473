/** Keeps MLflow up to date while a run goes on: beside it, never in its way. A server that fails costs a warning, once. */
import { setTimeout as delay } from 'node:timers/promises'
import type { MlflowClient } from 'mlflow-js-client'
import type { Recorded } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { freshMemory, syncRun, type SyncReport } from './sync-run.ts'

export interface TrackerOptions {
  readonly folder: RunFolder
  /** The journal's events, growing. */
  readonly events: () => readonly Recorded[]
  /** The client, once a server is there. */
  readonly client: Promise<MlflowClient>
  readonly onWarning: (message: string) => void
}

export interface Tracker {
  /** Something was appended. */
  wake(): void
  /** Sends the rest, for at most that long, and closes the client; null where MLflow does not have everything. */
  close(timeoutMs: number): Promise<SyncReport | null>
}

const pauseMs = 500
const longestPauseMs = 10_000

export function startTracker({ folder, events, client, onWarning }: TrackerOptions): Tracker {
  const memory = freshMemory()
  let report: SyncReport | null = null
  let sent = 0
  let isClosing = false
  let isAbandoned = false
  let hasWarned = false
  let wakeUp: () => void = () => undefined
  const sleep = (): Promise<void> => new Promise((resolve) => (wakeUp = resolve))
  let beginClosing: () => void = () => undefined
  const closing = new Promise<void>((resolve) => (beginClosing = resolve))

  const warn = (error: unknown): void => {
    if (!hasWarned) onWarning(error instanceof Error ? error.message : String(error))
    hasWarned = true
  }

  const work = async (): Promise<void> => {
    let pause = pauseMs
    const connected = await client.catch((error: unknown) => {
      warn(error)
      return null
    })
    if (!connected) return
    while (!isAbandoned) {
      // A copy: what is appended while it is sent waits for the next round.
      const seen = [...events()]
      if (sent < seen.length) {
        try {
          report = (await syncRun(folder, seen, connected, memory)) ?? report
          sent = seen.length
          pause = pauseMs
        } catch (error) {
          warn(error)
          // The client has tried again by itself; what a server refuses at the end is for `runner sync`.
          if (isClosing) return
          pause = Math.min(longestPauseMs, pause * 2)
        }
      }
      if (isClosing && sent === events().length) return
      await (sent === events().length ? sleep() : Promise.race([closing, delay(pause, undefined, { ref: false })]))
    }
  }
  const working = work()
  return {
    wake: () => wakeUp(),
    async close(timeoutMs) {
      isClosing = true
      beginClosing()
      wakeUp()
      const timeout = new AbortController()
      await Promise.race([working, delay(timeoutMs, undefined, { signal: timeout.signal }).catch(() => undefined)])
      timeout.abort()
      isAbandoned = true
      // What is still under way would keep the process alive.
      client.then(
        (connected) => connected.close(),
        () => undefined,
      )
      return sent === events().length ? report : null
    },
  }
}
