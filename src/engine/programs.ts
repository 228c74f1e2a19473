/** What computes: TensorFlow on the CPU, or a device behind a plugin. Either makes the program of a training and that of a prediction. */
import type { Program } from '../graph/step-function.ts'
import type { Network } from '../network/plan.ts'
import type { GraphJob, Precision } from './protocol.ts'

export interface TrainingOptions {
  readonly execution: 'graph' | 'eager'
  readonly precision: Precision
  /** Absolute folder for what is compiled, which then belongs to the run. */
  readonly executables: string
  /** Called where something had to be compiled that the run, or another, had not left. */
  readonly onCompiled: () => void
}

/** A prediction's steps: images are fed, as many at a time. */
export interface PredictionGraph {
  readonly network: Network
  /** [height, width, channels] */
  readonly imageShape: readonly number[]
  readonly batchSize: number
}

export interface Programs {
  /** In the user's words: what takes a while. */
  readonly preparing: string
  /** Bytes of images that may stay in the device's memory, where so many are wished for. */
  imageBudget(wished: number): number
  /** Bytes of a device's own memory, used or not, that programs may have; null where they use the machine's, or it does not say. */
  memory(): number | null
  /** Its variables are all 0. Whoever asks disposes of it. */
  training(graph: GraphJob, options: TrainingOptions): Promise<Program>
  /** Likewise. `executables` is the training's; nothing is written there. */
  predicting(graph: PredictionGraph, options: Pick<TrainingOptions, 'precision' | 'executables'>): Promise<Program>
}
