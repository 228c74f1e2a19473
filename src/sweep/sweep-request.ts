/** What is asked of a sweep, and what it tells while it goes on. */
import type { RunFolder } from '../journal/run-folder.ts'
import type { LoadedFile } from '../run/load.ts'
import type { Preparation } from '../run/prepare.ts'
import type { StoryEvent } from '../run/story.ts'
import type { EndedTrial } from './ended-trial.ts'

export interface SweepRequest extends Omit<Preparation, 'listen'> {
  readonly loaded: LoadedFile
  readonly listen: (event: SweepEvent) => void
  /** Whether every trial reads the test images at its end. */
  readonly readsTest: boolean
  /** Whether trials that failed are tried again. */
  readonly retriesFailed: boolean
  /** Whether what was done before is left alone. */
  readonly startsAnew: boolean
}

export type SweepEvent =
  | {
      readonly type: 'sweep'
      readonly folder: RunFolder
      readonly points: number
      /** By which trials are judged. */
      readonly metric: string
      /** Null where a cluster decides. */
      readonly parallel: number | null
      readonly threads: number
    }
  /** Trials became a job, were found in one, or are left to it. */
  | { readonly type: 'slurm'; readonly what: 'submitted' | 'attached' | 'left'; readonly job: string; readonly trials: number }
  /** Trials that wait, and Slurm's words for why. */
  | { readonly type: 'queue'; readonly waiting: number; readonly reasons: readonly string[] }
  /** It does not answer; it is asked again. */
  | { readonly type: 'slurm-silent'; readonly message: string }
  /** What happens in a trial while it goes on. */
  | { readonly type: 'trial-story'; readonly name: string; readonly event: StoryEvent }
  | ({ readonly type: 'trial-ended' } & EndedTrial)
  /** What happens to the sweep as a whole. */
  | StoryEvent
