/** What a story tells while it goes on. The command line shows it; nothing else is printed. */
import type { PreparedDataset, PrepareProgress } from '../dataset/prepare.ts'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import type { TrainingEvent, TrainingResult } from '../engine/protocol.ts'
import type { WeightsEvaluation } from '../evaluation/evaluate.ts'
import type { Experiment } from '../experiment/experiment.ts'
import type { EngineStarted, Event } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import type { Network } from '../network/plan.ts'
import type { SetupProgress } from '../setup/setup-options.ts'

export type StoryEvent =
  | { readonly type: 'warnings'; readonly diagnostics: readonly Diagnostic[]; readonly sources: ReadonlyMap<string, string> }
  | { readonly type: 'setup'; readonly progress: SetupProgress }
  | { readonly type: 'data'; readonly progress: PrepareProgress }
  | {
      readonly type: 'planned'
      readonly experiment: Experiment
      readonly network: Network
      readonly dataset: PreparedDataset
      readonly folder: RunFolder
    }
  | { readonly type: 'engine'; readonly started: EngineStarted }
  | { readonly type: 'training'; readonly event: TrainingEvent }
  | { readonly type: 'journal'; readonly event: Event }
  | { readonly type: 'evaluating' }
  | { readonly type: 'tracking'; readonly message: string; readonly isWarning: boolean }

export type Listener = (event: StoryEvent) => void

/** How a training ended. */
export interface RunSummary {
  readonly folder: RunFolder
  readonly experiment: Experiment
  readonly dataset: PreparedDataset
  readonly result: TrainingResult
  /** Absent where the run was interrupted. */
  readonly evaluations: { readonly last: WeightsEvaluation; readonly selected: WeightsEvaluation } | null
  readonly tracking: TrackingSummary
}

export interface TrackingSummary {
  /** Whether MLflow has everything. */
  readonly isComplete: boolean
  /** The run's page on a server that stays; null for the embedded one, which `runner ui` opens. */
  readonly url: string | null
}
