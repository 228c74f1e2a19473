/**
 * The graph of any batch size from the traces of two tiny ones: tracing runs the step eagerly, which at batch 512 takes many seconds. The
 * traces have the same nodes; what differs are shapes, which grow in proportion to the batch, and constants that say how they depend on it.
 */
import type { Constant, Graph, Node } from './nodes.ts'

/** Batch sizes of the two traces. */
export const smallBatch = 2
export const largerBatch = 3
/** As TensorFlow writes a size that only the images decide. */
export const anyBatch = -1

/** `anyBatch` leaves the size open, for graphs in which only shapes to reshape to depend on it. */
export function extrapolate(small: Graph, larger: Graph, batch: number, prefix: { readonly from: string; readonly to: string }): Graph {
  if (small.nodes.length !== larger.nodes.length) throw new Error('Internal error: the number of operations depends on the batch size')
  const rename = (name: string): string => name.replace(prefix.from, prefix.to)
  const nodes = small.nodes.map((node, index): Node => {
    const other = larger.nodes[index]
    const renamed = { ...node, name: rename(node.name) }
    if (node.kind === 'constant') {
      if (other?.kind !== 'constant') throw new Error(`Internal error: ${node.name} is a constant at one batch size only`)
      return { ...renamed, ...constantAt(node, other, batch) }
    }
    if (other?.kind !== 'operation' || JSON.stringify(other.attributes) !== JSON.stringify(node.attributes))
      throw new Error(`Internal error: attributes of ${node.name} depend on the batch size`)
    return { ...node, name: rename(node.name), inputs: node.inputs.map(rename) }
  })
  const outputs = Object.fromEntries(Object.entries(small.outputs).map(([name, node]) => [name, rename(node)]))
  return { nodes, outputs }
}

function constantAt(small: Constant, larger: Constant, batch: number): Pick<Constant, 'shape' | 'values'> {
  const shape = small.shape.map((size, axis) => line(size, larger.shape[axis] ?? 0, batch, small.name))
  if (batch === anyBatch && (small.ofBatch || shape.includes(anyBatch)))
    throw new Error(`Internal error: ${small.name} is a value that depends on the batch size`)
  if (small.ofBatch) return { shape, values: Float32Array.of(small.ofBatch(batch)) }
  if (small.values.length === larger.values.length && small.values.every((value, index) => value === larger.values[index]))
    return { shape, values: small.values }
  // Splat and spelled-out forms of the same shape tensor: [2, 2] at batch 2 was folded into one value.
  const count = Math.max(small.values.length, larger.values.length)
  if (small.dtype !== 'int32') throw new Error(`Internal error: ${small.name} depends on the batch size and does not say how`)
  const at = (constant: Constant, index: number): number => constant.values[constant.values.length === 1 ? 0 : index] ?? 0
  return { shape, values: Int32Array.from({ length: count }, (_, index) => line(at(small, index), at(larger, index), batch, small.name)) }
}

/** The value at `batch` of the line through the two traces. */
function line(atSmall: number, atLarger: number, batch: number, name: string): number {
  if (batch === anyBatch) return atSmall === atLarger ? atSmall : anyBatch
  const value = atSmall + ((atLarger - atSmall) / (largerBatch - smallBatch)) * (batch - smallBatch)
  if (!Number.isInteger(value) || value < -1) throw new Error(`Internal error: ${name} does not grow with the batch size`)
  return value
}
