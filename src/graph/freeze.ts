/** A step as a model that stands alone: for any batch size, with every variable's value as a constant. */
import type * as tf from '@tensorflow/tfjs-core'
import { anyBatch, extrapolate, largerBatch, smallBatch } from './extrapolate.ts'
import type { Graph, Node } from './nodes.ts'
import type { ProgramSource, StepFunction } from './step-function.ts'
import { handleName } from './nodes.ts'
import { traceStep } from './trace.ts'

/** The step may read variables, and neither assigns them nor gathers from a table. */
export function freezeStep(source: ProgramSource, step: StepFunction): Graph {
  const from = `${step.name}/traced`
  const [small, larger] = [traceStep(source, step, smallBatch, from), traceStep(source, step, largerBatch, from)]
  const { nodes, outputs } = extrapolate(small, larger, anyBatch, { from, to: step.name })
  const variables = new Map([...source.variables.values()].map((variable, index) => [handleName(index), variable]))
  return { nodes: nodes.map((node) => frozen(node, variables)), outputs }
}

function frozen(node: Node, variables: ReadonlyMap<string, tf.Variable>): Node {
  if (node.kind === 'constant') return node
  const variable = node.inputs.flatMap((input) => variables.get(input) ?? [])[0]
  if (!variable) return node
  if (node.op !== 'ReadVariableOp') throw new Error(`Internal error: ${node.name} needs a variable itself, and cannot be frozen`)
  const values = variable.dataSync<'float32'>().slice()
  return { kind: 'constant', name: node.name, dtype: 'float32', shape: variable.shape, values, ofBatch: null }
}
