/**
 * Every event of a run, in the words of the journal. One event is one line of `journal.jsonl`; the file is the truth from which
 * progress, MLflow and the report are drawn. Additions are allowed, changes of meaning need a new `version` in `run-started`.
 */

/** Metric name -> value. Non-finite numbers are written as the strings "NaN", "Infinity" and "-Infinity" in the file. */
export type Metrics = Readonly<Record<string, number>>

export type DatasetContext = 'training' | 'validation' | 'testing'

export interface RunStarted {
  readonly type: 'run-started'
  readonly version: 1
  /** The run's own id: the name of its folder, and the tag `runner.run` by which MLflow's run is found again. */
  readonly run: string
  /** The experiment file's `name`. */
  readonly name: string
  /** The tracking experiment (`tracking.experiment`). */
  readonly experiment: string
  readonly seed: number
  readonly epochs: number
  /** Tags for ever: git commit, dirty, leakage, synthetic, … */
  readonly tags: Readonly<Record<string, string>>
}

/** The resolved values, flat: `optimizer.adagrad.learningRate` -> "0.01". */
export interface Parameters {
  readonly type: 'parameters'
  readonly values: Readonly<Record<string, string>>
}

export interface DatasetUsed {
  readonly type: 'dataset'
  readonly context: DatasetContext
  readonly name: string
  /** At most 36 characters, one per split: MLflow drops a second context of the same digest. */
  readonly digest: string
  /** The root as written, and the layout. */
  readonly source: string
  readonly layout: string
  /** Images of each class, in class order. */
  readonly classCounts: Readonly<Record<string, number>>
  readonly groups: number
}

export interface EngineStarted {
  readonly type: 'engine-started'
  readonly pid: number
  readonly device: 'cpu' | 'gpu'
  readonly backend: 'tensorflow' | 'xla'
  /** Where an accelerator computes, the version that traces for it, or null: all it needs is compiled. */
  readonly tensorflow: string | null
  readonly threads: number
  readonly onednn: boolean
  /** Absent where TensorFlow's own were the only ones. */
  readonly operations?: string
  /** Absent where TensorFlow computes. */
  readonly accelerator?: Accelerator
  /** Why no GPU is used where one was to be found, in its plugin's words. */
  readonly withoutGpu?: string
}

/** A device that runs whole programs, and what compiles for it. */
export interface Accelerator {
  /** `cuda`, `rocm`, `cpu` */
  readonly platform: string
  readonly platformVersion: string
  /** `NVIDIA H100 80GB HBM3` */
  readonly card: string
  /** Of the card's kernel module; null where there is none, or it does not say. */
  readonly driver: string | null
  /** `cuda13`, or the file's name where the user named one. */
  readonly plugin: string
  readonly pluginVersion: string
  /** Version of the interface between plugin and runner. */
  readonly api: string
}

export interface EpochEnded {
  readonly type: 'epoch'
  /** Counted from 1. */
  readonly epoch: number
  /** Optimizer steps done since the run began. */
  readonly step: number
  /** `train/loss`, `train/accuracy`, `train/learning_rate`, `val/loss`, `val/accuracy`, `val/roc_auc`, … */
  readonly metrics: Metrics
  readonly seconds: number
}

/** The epoch's checkpoint is on disk under its final name: only now do its metrics count. */
export interface Committed {
  readonly type: 'committed'
  readonly epoch: number
  readonly step: number
  readonly checkpoint: number
  readonly isBest: boolean
}

export interface StoppedEarly {
  readonly type: 'stopped-early'
  readonly epoch: number
  readonly metric: string
  readonly bestEpoch: number
}

/** All epochs are done: what the engine says of itself. */
export interface Trained {
  readonly type: 'trained'
  readonly epochs: number
  readonly step: number
  /** sha256 over the last epoch's weights, hex: equal for equal trainings. */
  readonly weightsHash: string
  /** The engine's largest resident set. */
  readonly peakMemoryBytes: number
  /** Tensors alive in tfjs: equal unless something leaks. */
  readonly tensorsAfterFirstEpoch: number
  readonly tensorsAfterLastEpoch: number
}

/** The vault was opened: why, and on which test set. */
export interface TestRead {
  readonly type: 'test-read'
  readonly why: string
  readonly digest: string
}

/** One-shot metrics of the final evaluation: `test/…`, `best/…`. Logged to MLflow at step 0. */
export interface Evaluated {
  readonly type: 'evaluated'
  readonly metrics: Metrics
}

/** A finished file or folder of the run, relative to the run folder. */
export interface Artifact {
  readonly type: 'artifact'
  readonly path: string
}

/** A PNG of the run that is shown among the pictures of other runs, under that name; a name may have parts, as `slide maps/10253`. */
export interface PictureDrawn {
  readonly type: 'picture'
  /** Relative to the run folder. */
  readonly path: string
  readonly name: string
}

/** A file `{ columns, data }` that is shown as a table and compared with those of other runs. */
export interface TableWritten {
  readonly type: 'table'
  /** Relative to the run folder. */
  readonly path: string
}

/** The selected weights, ready to be loaded by others. */
export interface ModelWritten {
  readonly type: 'model'
  /** The folder, relative to the run folder. */
  readonly path: string
  /** Whose weights they are. */
  readonly epoch: number
  /** The name in MLflow's registry, and what points to this version there from now on; null where it is not registered. */
  readonly register: { readonly name: string; readonly alias: string | null } | null
}

/** What a person reads first: Markdown, a sentence at the beginning. */
export interface Described {
  readonly type: 'described'
  readonly note: string
}

export interface Warned {
  readonly type: 'warning'
  readonly code: string
  readonly message: string
}

/** A point of a sweep begins, in the run of that id; or it goes on. */
export interface TrialBegun {
  readonly type: 'trial-begun'
  readonly point: string
  readonly run: string
}

/** A sweep's pruner has looked at a trial at the end of an epoch: whether it goes on, and with what it was compared. */
export interface Pruning {
  readonly type: 'pruning'
  readonly goesOn: boolean
  readonly rule: 'median' | 'successiveHalving'
  readonly epoch: number
  readonly metric: string
  /** What the trial would end with if this epoch were its last. */
  readonly value: number
  /** The worst value that goes on; null where too few trials had come as far. */
  readonly threshold: number | null
  /** Trials of the same seed on the same validation images, with their values at the same epoch. */
  readonly comparedWith: readonly { readonly run: string; readonly value: number }[]
  /** Of successive halving, counted from 0. */
  readonly rung?: number
}

/** `pruned`: stopped by its sweep before its last epoch; it has no result. */
export interface RunEnded {
  readonly type: 'run-ended'
  readonly status: 'finished' | 'failed' | 'interrupted' | 'pruned'
  readonly reason?: string
}

export type Event =
  | RunStarted
  | Parameters
  | DatasetUsed
  | EngineStarted
  | EpochEnded
  | Committed
  | StoppedEarly
  | Trained
  | TestRead
  | Evaluated
  | Artifact
  | PictureDrawn
  | TableWritten
  | ModelWritten
  | Described
  | Warned
  | TrialBegun
  | Pruning
  | RunEnded

/** An event as it stands in the file: numbered from 0 and stamped once, in milliseconds since 1970. */
export type Recorded = Event & { readonly sequence: number; readonly at: number }
