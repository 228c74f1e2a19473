/** What a story tells while it goes on. The command line shows it; nothing else is printed. */
import type { ReadProgress } from '../dataset/inventory.ts'
import type { PreparedDataset, PrepareProgress } from '../dataset/prepare.ts'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import type { TrainingEvent, TrainingResult } from '../engine/protocol.ts'
import type { WeightsEvaluation } from '../evaluation/evaluate.ts'
import type { Experiment } from '../experiment/experiment.ts'
import type { EngineStarted, Metrics, Recorded } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import type { Network } from '../network/plan.ts'
import type { SetupProgress } from '../setup/setup-options.ts'

export type StoryEvent =
  | { readonly type: 'warnings'; readonly diagnostics: readonly Diagnostic[]; readonly sources: ReadonlyMap<string, string> }
  | { readonly type: 'setup'; readonly progress: SetupProgress }
  | { readonly type: 'data'; readonly progress: ImageProgress }
  | {
      readonly type: 'planned'
      readonly experiment: Experiment
      readonly network: Network
      readonly dataset: PreparedDataset
      readonly folder: RunFolder
      readonly engine: EngineStarted
      /** The last epoch that is kept of a run that goes on; null where it begins. */
      readonly resumeAfter: number | null
    }
  | { readonly type: 'training'; readonly event: TrainingEvent }
  | { readonly type: 'journal'; readonly event: Recorded }
  /** Between the last epoch and the end. */
  | { readonly type: 'finishing'; readonly what: string }
  /** MLflow was not told; the training goes on. */
  | { readonly type: 'tracking-failed'; readonly message: string }

/** Images that were read, made or judged, of how many. */
export type ImageProgress = ReadProgress & { readonly what: PrepareProgress['what'] | 'predicting' }

export type Listener = (event: StoryEvent) => void

/** How a training ended, unless it failed. */
export type RunSummary = RunContext & (Finished | TrialFinished | Interrupted)

export interface RunContext {
  readonly folder: RunFolder
  readonly experiment: Experiment
  readonly dataset: PreparedDataset
  readonly tracking: TrackingSummary
}

export interface Finished {
  readonly status: 'finished'
  readonly result: TrainingResult
  readonly evaluations: Evaluations
}

/** The end of a sweep's trial, which knows nothing of the test images. */
export interface TrialFinished {
  readonly status: 'validated'
  /** Of the selected epoch. */
  readonly metrics: Metrics
}

export interface Interrupted {
  readonly status: 'interrupted'
  /** Epochs whose checkpoints are on disk. */
  readonly epochs: number
}

/** The last weights and the selected ones; equal where nothing selects. */
export interface Evaluations {
  readonly last: WeightsEvaluation
  readonly selected: WeightsEvaluation
}

export interface TrackingSummary {
  /** Whether MLflow has everything. */
  readonly isComplete: boolean
  /** The run's page on a server that stays; null for the embedded one, which `runner ui` opens. */
  readonly url: string | null
}
