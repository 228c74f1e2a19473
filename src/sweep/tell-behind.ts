/** Trials whose place is free as soon as they have ended: MLflow is told the rest while the next ones train. */
import type { RunTracking } from '../run/track.ts'

export interface TellingBehind {
  /** The same, but that nobody waits for its end. */
  behind(tracking: RunTracking): RunTracking
  /** Resolves once all ends have been told, or given up. */
  finish(): Promise<void>
}

export function tellBehind(): TellingBehind {
  const telling: Promise<unknown>[] = []
  return {
    behind: (tracking) => ({
      ...tracking,
      finish(isHurried) {
        telling.push(tracking.finish(isHurried))
        return Promise.resolve({ isComplete: false, url: null })
      },
    }),
    async finish() {
      for (const told of await Promise.allSettled(telling)) if (told.status === 'rejected') throw told.reason
    },
  }
}
