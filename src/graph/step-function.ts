/** A step as plain tfjs functions, and what runs it: operation by operation, as one TensorFlow graph, or as one program of a device. */
import type * as tf from '@tensorflow/tfjs-core'
import type { DType } from '../kernels/attributes.ts'

export type Feed = Float32Array | Int32Array | Uint8Array
export type Fetched = Float32Array | Int32Array | Uint8Array
export type Feeds = Readonly<Record<string, Feed>>

export interface Argument {
  readonly name: string
  readonly dtype: 'float32' | 'int32' | 'uint8'
  readonly shape: (batch: number) => readonly number[]
}

export interface StepFunction {
  readonly name: string
  readonly arguments: readonly Argument[]
  /** The batch sizes it will be asked for; a graph is written for each. */
  readonly batchSizes: readonly number[]
  /** Whether several may run in one call, one after the other. */
  readonly isRepeatable: boolean
  /** Reads arguments and variables, assigns variables, returns what is fetched. Never reads a value back. */
  readonly body: (inputs: Readonly<Record<string, tf.Tensor>>) => Readonly<Record<string, tf.Tensor>>
}

/** A constant table on the device that steps gather from: the resident images. Reaches every body as an input of its name. */
export interface Table {
  readonly name: string
  readonly dtype: Extract<DType, 'uint8'>
  /** [rows, …] */
  readonly shape: readonly number[]
}

export interface ProgramSource {
  /** Every variable that steps read or assign, by name. The program owns their values from here on. */
  readonly variables: ReadonlyMap<string, tf.Variable>
  readonly table: Table | null
  readonly steps: readonly StepFunction[]
}

export interface Program {
  /** Steps that one call takes at most; the same for every program made from equal sources. */
  readonly stepsPerCall: number
  run(step: string, batch: number, feeds: Feeds): Promise<Readonly<Record<string, Fetched>>>
  /** A repeatable step with each of these feeds in turn, `stepsPerCall` at most. May resolve before they have run; a later call then rejects. */
  runEach(step: string, batch: number, feeds: readonly Feeds[]): Promise<void>
  /** Values of the variables by name, copied. */
  read(): Promise<Map<string, Float32Array>>
  /** Replaces variables; names that are absent keep their values. */
  assign(values: ReadonlyMap<string, Float32Array>): void
  /** Writes rows of the table, from row `first` on. Every row has to be written before a step runs. */
  fillTable(first: number, rows: Uint8Array): void
  /** Tensors that are alive; from epoch to epoch the same number, unless something leaks. */
  countTensors(): number
  dispose(): void
}
