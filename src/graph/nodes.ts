/** A graph as plain data, between the trace that records it and the SavedModel that TensorFlow loads. */
import type { Attribute, DType } from '../kernels/attributes.ts'

export interface Operation {
  readonly kind: 'operation'
  readonly name: string
  readonly op: string
  readonly attributes: readonly Attribute[]
  /** `node`, `node:1`, or `^node` for order only. */
  readonly inputs: readonly string[]
}

export interface Constant {
  readonly kind: 'constant'
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  /** One element where all are equal, else all of them. */
  readonly values: Float32Array | Int32Array | Uint8Array
  /** The value at any batch size, where it is a function of it. */
  readonly ofBatch: ((batch: number) => number) | null
}

export type Node = Operation | Constant

export interface Graph {
  readonly nodes: readonly Node[]
  /** What is fetched: by output name, the node whose first output it is. */
  readonly outputs: Readonly<Record<string, string>>
}

/** Name of a variable's handle in the graph. Numbers, because layer names may hold what node names may not. */
export function handleName(index: number): string {
  return `variables/v${index}`
}
export const tableHandle = 'table/images'
