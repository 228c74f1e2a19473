/** What the engine's process and its parent say to each other. Structured clones travel, so typed arrays stay typed arrays. */
import type { Augmentation, Loss, Optimizer, Runtime, Training } from '../experiment/experiment.ts'
import type { Pack, SplitName } from '../dataset/manifest.ts'
import type { Committed, EngineStarted, EpochEnded, StoppedEarly, Warned } from '../journal/events.ts'
import type { RuleOptions } from '../layers/optimizers.ts'
import type { Network } from '../network/plan.ts'

/** Everything the engine needs to know to train: numbers and paths, no YAML. */
export interface TrainingJob {
  readonly seed: number
  readonly network: Network
  readonly loss: Loss
  readonly optimizer: Optimizer
  readonly augmentation: Augmentation | null
  /** One factor a class. */
  readonly classWeights: readonly number[]
  readonly training: Training
  /** Images at a time when evaluating and predicting. */
  readonly evaluationBatchSize: number
  /** Index of the positive class, null with more than two. */
  readonly positive: number | null
  readonly pack: Pack
  /** Class of every row of the pack. */
  readonly labels: Int32Array
  /** Rows of the pack in each split, ascending. */
  readonly splits: Readonly<Record<SplitName, Int32Array>>
  readonly imageBudget: Runtime['imageBudget']
  /** Absolute folder of the run's checkpoints; made if absent. */
  readonly checkpoints: string
  /** The epoch after whose checkpoint the training goes on; null from the beginning. */
  readonly resumeAfter: number | null
  /** Epochs after whose checkpoint the training waits to be told to go on. Where that could not be written it does not wait. */
  readonly pauses: readonly number[]
  /** "graph" runs each step as one TensorFlow graph; "eager" runs the same functions operation by operation. */
  readonly execution: 'graph' | 'eager'
  readonly precision: Precision
  /** Absolute folder for what is compiled for a device, which then belongs to the run; made if absent. */
  readonly executables: string
}

/** What the graphs of a training depend on, and all that they are made from: trainings in which it is the same run on the same graphs. */
export interface GraphJob extends Pick<TrainingJob, 'network' | 'loss' | 'classWeights' | 'evaluationBatchSize'> {
  readonly optimizer: RuleOptions
  /** Fill mode of the warp, or null where nothing is moved. */
  readonly fill: Augmentation['fill'] | null
  /** Of training steps. */
  readonly batchSizes: readonly number[]
  readonly images: number
  /** Whether the images lie in the graph; else they are fed with every batch. */
  readonly isResident: boolean
}

/** How exactly a device computes; TensorFlow on the CPU knows float32 only. */
export type Precision = Runtime['precision']

/** Images on which the selected weights of a training that has ended are asked. */
export interface PredictionJob {
  readonly network: Network
  /** Absolute folder of the run's checkpoints. */
  readonly checkpoints: string
  readonly pack: Pack
  /** Rows of the pack, in the order of the answer. */
  readonly rows: Int32Array
  readonly batchSize: number
  readonly precision: Precision
  /** Absolute folder of what the training compiled. */
  readonly executables: string
}

/** A finished training's selected weights, to be written as a SavedModel. */
export interface SavedModelJob {
  readonly network: Network
  /** Absolute folder of the run's checkpoints. */
  readonly checkpoints: string
  /** Absolute folder of the SavedModel; made if absent. */
  readonly folder: string
}

/** A readable list of operations, or DOT for Graphviz. */
export type GraphForm = 'list' | 'dot'

/** Which weights: the last epoch's, or those that `training.select` chose (the last where nothing selects). */
export type WeightsName = 'last' | 'selected'

export type Request =
  | { readonly type: 'train'; readonly job: TrainingJob }
  /** Needs a job that was trained in this process. */
  | { readonly type: 'predict'; readonly weights: WeightsName; readonly split: SplitName }
  | { readonly type: 'predict-pack'; readonly job: PredictionJob }
  | { readonly type: 'describe-graph'; readonly job: GraphJob; readonly form: GraphForm }
  | { readonly type: 'write-saved-model'; readonly job: SavedModelJob }
  /** Finish the step and stop; the last committed epoch stays. */
  | { readonly type: 'interrupt' }
  /** The answer to `paused`, where it is not `interrupt`. */
  | { readonly type: 'go-on' }
  | { readonly type: 'stop' }

/** Said several times a second while an epoch runs. */
export interface Progress {
  readonly type: 'progress'
  readonly epoch: number
  readonly epochs: number
  /** Steps done and planned in this epoch. */
  readonly step: number
  readonly steps: number
  readonly loss: number
  readonly accuracy: number
  readonly imagesPerSecond: number
}

/** That epoch is committed, and the training stands still until `go-on` or `interrupt`. */
export interface Paused {
  readonly type: 'paused'
  readonly epoch: number
}

/** What happens while training: journal events, and what is shown or answered but not kept. */
export type TrainingEvent =
  EpochEnded | Committed | StoppedEarly | Warned | Progress | Paused | { readonly type: 'preparing'; readonly what: string }

/** `epochs` are committed. */
export interface TrainingInterrupted {
  readonly status: 'interrupted'
  readonly epochs: number
}

export interface TrainingResult {
  readonly status: 'finished'
  readonly epochs: number
  readonly step: number
  /** Epoch whose weights were selected; the last where nothing selects. */
  readonly selectedEpoch: number
  /** sha256 over all weights of the last epoch, hex. */
  readonly weightsHash: string
  readonly peakMemoryBytes: number
  /** Tensors alive in tfjs after the first epoch and after the last: equal unless something leaks. */
  readonly tensorsAfterFirstEpoch: number
  readonly tensorsAfterLastEpoch: number
}

/**
 * Why a training could not go on. `non-finite` and `out-of-memory` are the experiment's or the machine's, `killed` is somebody's who sent
 * SIGKILL, `internal` is a bug of ours.
 */
export interface EngineFailure {
  readonly code: 'non-finite' | 'out-of-memory' | 'killed' | 'no-gpu' | 'checkpoint' | 'internal'
  readonly message: string
  /** Rows of the pack that were being trained on, where they may be at fault. */
  readonly rows?: readonly number[]
  /** Bytes that a device has for programs, where it is the device that ran out of memory. */
  readonly deviceBytes?: number
}

export type Reply =
  | { readonly reply: 'ready'; readonly started: EngineStarted }
  | { readonly reply: 'event'; readonly event: TrainingEvent }
  | { readonly reply: 'trained'; readonly result: TrainingResult | TrainingInterrupted }
  | { readonly reply: 'predicted'; readonly probabilities: Float32Array }
  /** Several times while a pack is predicted: how many images are done. */
  | { readonly reply: 'predicting'; readonly done: number }
  | { readonly reply: 'described-graph'; readonly text: string }
  | { readonly reply: 'wrote-saved-model' }
  | { readonly reply: 'failed'; readonly failure: EngineFailure }
