/** A point of a sweep when nothing more is done for it. */
import type { Metrics } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import type { KnownTrial } from './trials.ts'

/** How a point stands: `reused` was finished before. */
export type TrialState = 'reused' | 'finished' | 'failed' | 'interrupted'

export interface EndedTrial {
  readonly name: string
  readonly variant: string
  readonly state: TrialState
  readonly folder: RunFolder | null
  readonly metrics: Metrics
  /** Why it failed. */
  readonly reason: string | null
}

export function standing(trial: KnownTrial | null): Omit<EndedTrial, 'name' | 'variant'> {
  if (!trial) return { state: 'interrupted', folder: null, metrics: {}, reason: null }
  const { folder, metrics, reason } = trial
  const state = trial.state === 'finished' || trial.state === 'failed' ? trial.state : 'interrupted'
  return { state, folder, metrics, reason }
}
