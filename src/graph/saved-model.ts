/**
 * Graphs written as a SavedModel (tensorflow/core/protobuf/*.proto): the one form in which tfjs-node's binding takes a graph, and, with a
 * signature, what TensorFlow's own readers take.
 */
import { attributeKinds, dtypes, type Attribute, type DType } from '../kernels/attributes.ts'
import type { Constant, Node } from './nodes.ts'
import { Message } from './protobuf.ts'

/** The version of TensorFlow's operations that the graph was written for; any later TensorFlow reads it. */
const producer = 1395

/** A node's first output by the name that callers use. A size of -1 is any. */
export interface Slot {
  readonly node: string
  readonly dtype: DType
  readonly shape: readonly number[]
}

export interface Signature {
  readonly inputs: Readonly<Record<string, Slot>>
  readonly outputs: Readonly<Record<string, Slot>>
}

/** Signatures by name: `serving_default` is the one that is used where none is named. */
export function encodeSavedModel(nodes: readonly Node[], signatures: Readonly<Record<string, Signature>> = {}): Uint8Array {
  const graph = new Message()
  for (const node of nodes) graph.message(1, encodeNode(node))
  graph.message(4, new Message().varint(1, producer))
  const info = new Message().string(4, 'serve').string(5, '2.21.0')
  const meta = new Message().message(1, info).message(2, graph)
  for (const [name, signature] of Object.entries(signatures))
    meta.message(5, new Message().string(1, name).message(2, encodeSignature(signature)))
  return new Message().varint(1, 1).message(2, meta).finish()
}

function encodeSignature({ inputs, outputs }: Signature): Message {
  const message = new Message()
  for (const [name, slot] of Object.entries(inputs)) message.message(1, new Message().string(1, name).message(2, encodeSlot(slot)))
  for (const [name, slot] of Object.entries(outputs)) message.message(2, new Message().string(1, name).message(2, encodeSlot(slot)))
  return message.string(3, 'tensorflow/serving/predict')
}

function encodeSlot({ node, dtype, shape }: Slot): Message {
  return new Message().string(1, `${node}:0`).varint(2, dtypes[dtype]).message(3, encodeShape(shape))
}

function encodeNode(node: Node): Message {
  const message = new Message().string(1, node.name).string(2, node.kind === 'constant' ? 'Const' : node.op)
  if (node.kind === 'constant') {
    attribute(message, 'dtype', new Message().varint(6, dtypes[node.dtype]))
    attribute(message, 'value', new Message().message(8, encodeTensor(node)))
    return message
  }
  for (const input of node.inputs) message.string(3, input)
  for (const entry of node.attributes) attribute(message, entry.name, encodeValue(entry))
  return message
}

function attribute(node: Message, name: string, value: Message): void {
  node.message(5, new Message().string(1, name).message(2, value))
}

function encodeValue({ name, type, value }: Attribute): Message {
  const message = new Message()
  switch (type) {
    case attributeKinds.string:
      return message.string(2, String(value))
    case attributeKinds.int:
      return Array.isArray(value) ? message.message(1, list(3, value as readonly number[])) : message.varint(3, Number(value))
    case attributeKinds.float:
      return message.float(4, Number(value))
    case attributeKinds.bool:
      return message.varint(5, value ? 1 : 0)
    case attributeKinds.type:
      return message.varint(6, Number(value))
    case attributeKinds.shape:
      return message.message(7, encodeShape(value as readonly number[]))
    default:
      throw new Error(`Internal error: attribute ${name} has a kind that graphs cannot hold: ${type}`)
  }
}

function list(field: number, values: readonly number[]): Message {
  const message = new Message()
  for (const value of values) message.varint(field, value)
  return message
}

export function encodeShape(shape: readonly number[]): Message {
  const message = new Message()
  for (const size of shape) message.message(2, new Message().varint(1, size))
  return message
}

/** One value stands for all where they are equal: gradients make ones of the activations' size. */
function encodeTensor({ dtype, shape, values }: Constant): Message {
  const message = new Message().varint(1, dtypes[dtype]).message(2, encodeShape(shape))
  if (values.length !== 1) return message.bytes(4, new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  const value = values[0] ?? 0
  const fields: Record<DType, () => Message> = {
    float32: () => message.float(5, value),
    int32: () => message.varint(7, value),
    uint8: () => message.varint(7, value),
    bool: () => message.varint(11, value),
  }
  return fields[dtype]()
}
