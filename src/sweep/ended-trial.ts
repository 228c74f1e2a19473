/** A point of a sweep when nothing more is done for it. */
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { Metrics } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { differentData } from '../run/differences.ts'
import type { KnownTrial } from './trials.ts'

/** How a point stands: `reused` was finished before, `interrupted` goes on when the sweep is run again. */
export type TrialState = 'reused' | 'finished' | 'failed' | 'interrupted'

export interface Standing {
  readonly state: TrialState
  readonly folder: RunFolder | null
  readonly metrics: Metrics
  /** Why it failed, or is not done yet. */
  readonly reason: string | null
}

export interface EndedTrial extends Standing {
  readonly name: string
  readonly variant: string
}

export function standing(trial: KnownTrial | null): Standing {
  if (!trial) return { state: 'interrupted', folder: null, metrics: {}, reason: null }
  const { folder, metrics, reason } = trial
  const state = trial.state === 'finished' || trial.state === 'failed' ? trial.state : 'interrupted'
  return { state, folder, metrics, reason }
}

/** A trial of other images says nothing of these. */
export function onTheseImages(trial: KnownTrial | null, dataset: PreparedDataset): KnownTrial | null {
  return trial && differentData(trial.events, dataset).length === 0 ? trial : null
}

/** How a point stands that is done with; null where it has to be run. */
export function doneBefore(trial: KnownTrial | null, retriesFailed: boolean): Standing | null {
  if (trial?.state === 'finished') return { ...standing(trial), state: 'reused' }
  return trial?.state === 'failed' && !retriesFailed ? standing(trial) : null
}
