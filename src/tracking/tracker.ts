/** Keeps MLflow up to date while a run goes on: beside it, never in its way. A server that fails costs a warning, once, and is tried again. */
import { setTimeout as delay } from 'node:timers/promises'
import { MlflowError, type MlflowClient } from 'mlflow-js-client'
import type { Recorded } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { freshMemory, syncRun, type SyncReport } from './sync-run.ts'

export interface TrackerOptions {
  readonly folder: RunFolder
  /** The journal's events, growing. */
  readonly events: () => readonly Recorded[]
  /** A client: at the beginning, and after each failure, when the server may have been started anew. Where it rejects there is none to come. */
  readonly connect: () => Promise<MlflowClient>
  readonly onWarning: (message: string) => void
}

export interface Tracker {
  /** Resolves once MLflow has heard of the run, or the first attempt failed. */
  readonly introduced: Promise<void>
  /** Something was appended. */
  wake(): void
  /** Sends the rest, for at most that long, and closes the client; null where MLflow does not have everything. */
  close(timeoutMs: number): Promise<SyncReport | null>
}

/** Between two attempts: twice as long after each, beside what the client tries by itself, and as long as the server asks. */
const pauseMs = 500
const longestPauseMs = 30_000
/** How long the end of a run waits for a server that did not answer the last time. */
const patienceWithFailingMs = 10_000

export function startTracker({ folder, events, connect, onWarning }: TrackerOptions): Tracker {
  const memory = freshMemory()
  let client: MlflowClient | null = null
  let report: SyncReport | null = null
  let sent = 0
  let isFailing = false
  let isClosing = false
  let isAbandoned = false
  let hasWarned = false
  let wakeUp: () => void = () => undefined
  const sleep = (): Promise<void> => new Promise((resolve) => (wakeUp = resolve))
  let beginClosing: () => void = () => undefined
  const closing = new Promise<void>((resolve) => (beginClosing = resolve))
  let introduce: () => void = () => undefined
  const introduced = new Promise<void>((resolve) => (introduce = resolve))

  const warn = (error: unknown): null => {
    if (!hasWarned && !isAbandoned) onWarning(error instanceof Error ? error.message : String(error))
    hasWarned = true
    return null
  }

  const work = async (): Promise<void> => {
    let pause = pauseMs
    while (!isAbandoned) {
      if (!client || isFailing) client = await connect().catch((error: unknown) => warn(error))
      if (!client) return
      // A copy: what is appended while it is sent waits for the next round.
      const seen = [...events()]
      try {
        if (sent < seen.length) report = (await syncRun(folder, seen, client, { memory })) ?? report
        sent = seen.length
        isFailing = false
        pause = pauseMs
        if (report) introduce()
        if (isClosing && sent === events().length) return
        if (sent === events().length) await sleep()
        else await Promise.race([closing, delay(pauseMs, undefined, { ref: false })])
      } catch (error) {
        warn(error)
        introduce()
        isFailing = true
        // The client has tried again by itself; what a server refuses at the end is for `runner sync`.
        if (isClosing) return
        await Promise.race([closing, delay(Math.max(pause, retryAfter(error)), undefined, { ref: false })])
        pause = Math.min(longestPauseMs, pause * 2)
      }
    }
  }
  const working = work().finally(introduce)
  return {
    introduced,
    wake: () => wakeUp(),
    async close(timeoutMs) {
      isClosing = true
      beginClosing()
      wakeUp()
      const timeout = new AbortController()
      const patience = isFailing ? Math.min(timeoutMs, patienceWithFailingMs) : timeoutMs
      await Promise.race([working, delay(patience, undefined, { signal: timeout.signal }).catch(() => undefined)])
      timeout.abort()
      isAbandoned = true
      // What is still under way would keep the process alive.
      client?.close()
      return sent === events().length ? report : null
    },
  }
}

function retryAfter(error: unknown): number {
  return error instanceof MlflowError ? error.retryAfterMs : 0
}
