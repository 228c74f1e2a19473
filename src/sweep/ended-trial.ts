/** A point of a sweep when nothing more is done for it. */
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { Metrics } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { differentData } from '../run/differences.ts'
import type { PruningRule } from './judge-trial.ts'
import type { KnownTrial } from './trials.ts'

/**
 * How a point stands: `reused` was finished before, `pruned` was stopped by the sweep and has no result, `interrupted` goes on when the sweep is
 * run again.
 */
export type TrialState = 'reused' | 'finished' | 'pruned' | 'failed' | 'interrupted'

export interface Standing {
  readonly state: TrialState
  readonly folder: RunFolder | null
  readonly metrics: Metrics
  /** Why it failed, was pruned, or is not done yet. */
  readonly reason: string | null
}

export interface EndedTrial extends Standing {
  readonly name: string
  readonly variant: string
  /** Of everything that decides its numbers. */
  readonly point: string
  readonly seed: number
  readonly fold: number | null
}

export function standing(trial: KnownTrial | null): Standing {
  if (!trial) return { state: 'interrupted', folder: null, metrics: {}, reason: null }
  const { folder, metrics, reason } = trial
  const state = trial.state === 'stopped' || trial.state === 'running' ? 'interrupted' : trial.state
  return { state, folder, metrics, reason }
}

/** A trial of other images says nothing of these. */
export function onTheseImages(trial: KnownTrial | null, dataset: PreparedDataset): KnownTrial | null {
  return trial && differentData(trial.events, dataset).length === 0 ? trial : null
}

/** What decides whether a point that has been begun is done with. */
export interface Terms {
  readonly retriesFailed: boolean
  /** Null where every trial is trained to its end, those that were pruned before among them. */
  readonly pruning: PruningRule | null
}

/** How a point stands that is done with; null where it has to be run. */
export function doneBefore(trial: KnownTrial | null, { retriesFailed, pruning }: Terms): Standing | null {
  if (trial?.state === 'finished') return { ...standing(trial), state: 'reused' }
  const isDone = (trial?.state === 'failed' && !retriesFailed) || (trial?.state === 'pruned' && pruning !== null)
  return isDone ? standing(trial) : null
}
