/**
 * The border to TensorFlow's C binding as tfjs-node exposes it: run any registered operation by name, eagerly. A recorder (the tracer
 * in graph/) may stand in between and be asked for operations on resources, which exist only inside a graph.
 */
import * as tf from '@tensorflow/tfjs-core'
import { dtypes, type Attribute, type DType } from './attributes.ts'

export interface TensorMetadata {
  readonly id: number
  readonly shape: number[]
  readonly dtype: number
}

/** What we use of tfjs-node's native binding. Ids name tensors on the device and are never reused. */
export interface Binding {
  createTensor(shape: readonly number[], dtype: number, values: Float32Array | Int32Array | Uint8Array): number
  deleteTensor(id: number): void
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array
  executeOp(name: string, attributes: readonly Attribute[], inputs: readonly number[], outputs: number): TensorMetadata[]
  loadSavedModel(folder: string, tags: string): number
  deleteSavedModel(session: number): void
  runSavedModel(session: number, inputs: readonly number[], inputNames: string, outputNames: string): TensorMetadata[]
  isUsingGpuDevice(): boolean
  readonly TF_Version: string
}

export interface TensorFlowBackend extends tf.KernelBackend {
  binding: Binding
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[]
  createOutputTensor(metadata: TensorMetadata): tf.Tensor
}

export function isTensorFlow(): boolean {
  return tf.getBackend() === 'tensorflow'
}

export function tensorflow(): TensorFlowBackend {
  const backend = tf.backend()
  if (!hasBinding(backend)) throw new Error(`Internal error: the backend is ${tf.getBackend()}, not tensorflow`)
  return backend
}

function hasBinding(backend: object): backend is TensorFlowBackend {
  return isTensorFlow() && 'binding' in backend && 'getInputTensorIds' in backend && 'createOutputTensor' in backend
}

/** Counted up when those of native/ come to give other bits. */
const nativeOperations = 'native-3'

/**
 * Which operations training and prediction run where they have the choice: those of native/, which are made for the CPU, or TensorFlow's own. Others give
 * other bits. The environment variable RUNNER_OPERATIONS set to tensorflow, plain, v3 or v4 overrules.
 */
export function operations(): string {
  if (!isTensorFlow() || tensorflow().binding.isUsingGpuDevice()) return 'tensorflow'
  const wished = process.env['RUNNER_OPERATIONS'] ?? ''
  return wished === '' ? nativeOperations : wished
}

export function hasNativeOperations(): boolean {
  return isTensorFlow() && operations() !== 'tensorflow'
}

/** A number among the attributes that a kernel was run with. */
export function numberAttribute(attributes: tf.NamedAttrMap | undefined, name: string): number {
  const value = attributes?.[name]
  if (typeof value !== 'number') throw new Error(`Internal error: the kernel was given no number ${name}`)
  return value
}

/** Of the tensors that a kernel was given, those of these names, in this order. */
export function namedInputs(inputs: tf.NamedTensorInfoMap, names: readonly string[]): tf.TensorInfo[] {
  return names.map((name) => {
    const tensor = inputs[name]
    if (!tensor) throw new Error(`Internal error: the kernel was given no tensor ${name}`)
    return tensor
  })
}

/** A shape among the attributes that a kernel was run with. */
export function shapeAttribute(attributes: tf.NamedAttrMap | undefined, name: string): number[] {
  const value = attributes?.[name]
  if (!Array.isArray(value)) throw new Error(`Internal error: the kernel was given no shape ${name}`)
  return value.map(Number)
}

/** Runs one operation; the caller owns the outputs (or the tidy around it). */
export function execute(name: string, attributes: readonly Attribute[], inputs: readonly tf.TensorInfo[], outputs: number): tf.Tensor[] {
  const backend = tensorflow()
  return backend.binding
    .executeOp(name, attributes, backend.getInputTensorIds(inputs), outputs)
    .map((metadata) => backend.createOutputTensor(metadata))
}

export function executeOne(name: string, attributes: readonly Attribute[], inputs: readonly tf.TensorInfo[]): tf.Tensor {
  const [output] = execute(name, attributes, inputs, 1)
  if (!output) throw new Error(`Internal error: ${name} gave no output`)
  return output
}

/** A uint8 tensor on the device: tfjs has no such type, so it calls itself int32 and must never be read back. */
export function uint8Tensor(values: Uint8Array, shape: readonly number[]): tf.Tensor {
  const backend = tensorflow()
  const id = backend.binding.createTensor(shape, dtypes.uint8, values)
  return backend.createOutputTensor({ id, shape: [...shape], dtype: dtypes.uint8 })
}

/** Receives operations on resources while a step is being traced. */
export interface Recorder {
  /** Whether the tensor stands for a variable of the graph that is being recorded. */
  isResource(tensor: tf.TensorInfo): boolean
  /** Adds an operation without running it; resources are passed as handles, and the outputs are zeros that stand for its results. */
  emit(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly tf.TensorInfo[],
    outputs: readonly { readonly shape: readonly number[]; readonly dtype: DType }[],
  ): tf.Tensor[]
  /** Names what is being built, for errors and for the names of operations. */
  enter(scope: string): void
  leave(): void
  /** Says that a constant is a function of the batch size, so that the graph of one size can be written for another. */
  dependsOnBatch(constant: tf.TensorInfo, value: (batch: number) => number): void
}

let active: Recorder | null = null

export function activeRecorder(): Recorder | null {
  return active
}

/** Runs `body` with the recorder in place; recordings do not nest. */
export function withRecorder<T>(recorder: Recorder, body: () => T): T {
  if (active) throw new Error('Internal error: a step is already being recorded')
  active = recorder
  try {
    return body()
  } finally {
    active = null
  }
}

/** A number that depends on the batch size, such as 1/batch: a constant of the step, recomputed for every size the graph is written for. */
export function batchScalar(batch: number, value: (batch: number) => number): tf.Scalar {
  const constant = tf.scalar(value(batch))
  active?.dependsOnBatch(constant, value)
  return constant
}

/** Runs `body` under a name that errors and the graph's operations carry. */
export function inScope<T>(name: string, body: () => T): T {
  active?.enter(name)
  try {
    return body()
  } finally {
    active?.leave()
  }
}
