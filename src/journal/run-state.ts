/** What a journal says of its run. */
import type { Committed, EpochEnded, Recorded, RunStarted } from './events.ts'

export interface RunState {
  readonly started: (RunStarted & { readonly at: number }) | null
  /** Epochs whose checkpoint is on disk, in order; later ones were begun again and count once. */
  readonly committed: readonly (EpochEnded & { readonly at: number })[]
  /** `running` where no end was written, or where it was resumed since: alive, or killed. */
  readonly status: 'running' | 'finished' | 'failed' | 'interrupted' | 'pruned'
  readonly bestEpoch: number | null
  readonly endedAt: number | null
  readonly reason: string | null
}

/** A checkpoint holds its own epoch and those before it, some of which may have none of their own. Takes them out of what was written. */
export function takeCommitted<T extends EpochEnded>(written: Map<number, T>, { epoch: upTo }: Committed): T[] {
  const taken = [...written.values()].filter(({ epoch }) => epoch <= upTo).sort((a, b) => a.epoch - b.epoch)
  for (const { epoch } of taken) written.delete(epoch)
  return taken
}

export function foldRun(events: readonly Recorded[]): RunState {
  let started: RunState['started'] = null
  let status: RunState['status'] = 'running'
  let bestEpoch: number | null = null
  let endedAt: number | null = null
  let reason: string | null = null
  const written = new Map<number, EpochEnded & { readonly at: number }>()
  const committed = new Map<number, EpochEnded & { readonly at: number }>()
  for (const event of events) {
    if (event.type === 'run-started') started = event
    if (event.type === 'engine-started' || event.type === 'trial-begun') {
      status = 'running'
      endedAt = null
      reason = null
    }
    if (event.type === 'epoch') written.set(event.epoch, event)
    if (event.type === 'committed') {
      for (const epoch of takeCommitted(written, event)) committed.set(epoch.epoch, epoch)
      if (event.isBest) bestEpoch = event.epoch
    }
    if (event.type === 'run-ended') {
      status = event.status
      endedAt = event.at
      reason = event.reason ?? null
    }
  }
  return { started, committed: [...committed.values()], status, bestEpoch, endedAt, reason }
}
