/** How the missing points of a sweep become finished runs: on this machine, or on a cluster. The journals of the trials say what came of them. */
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { LoadedPoint } from '../experiment/load-experiment.ts'
import type { Located } from '../experiment/experiment.ts'
import type { Journal } from '../journal/journal.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import type { Standing } from './ended-trial.ts'
import type { PruningRule } from './judge-trial.ts'
import type { SweepRequest } from './sweep-request.ts'
import type { KnownTrial } from './trials.ts'

export interface Launcher {
  /** Trainings at a time; null where the cluster decides. */
  readonly parallel: number | null
  /** Of each training. */
  readonly threads: number
  /** Before anything begins. Throws `Fault` where this machine lacks what it takes. */
  prepare(): Promise<void>
  /** Runs every point, those that were begun from where they stopped; `onEnd` is told of each once, in any order. */
  run(points: readonly MissingPoint[], sweep: OpenSweep, onEnd: (point: MissingPoint, standing: Standing) => void): Promise<void>
}

export interface MissingPoint {
  readonly loaded: LoadedPoint
  /** Of everything that decides its numbers. */
  readonly digest: string
}

/** What launchers know of the sweep. */
export interface OpenSweep {
  readonly request: SweepRequest
  readonly folder: RunFolder
  readonly journal: Journal
  readonly datasetOf: (located: Located) => Promise<PreparedDataset>
  /** Resolves once MLflow has heard of the sweep, under which it shows the trials, or could not be told. */
  readonly introduced: Promise<void>
  /** Null where every trial is trained to its end. */
  readonly pruning: PruningRule | null
  /** When the sweep was opened, by points' digests. */
  readonly known: ReadonlyMap<string, KnownTrial>
}
