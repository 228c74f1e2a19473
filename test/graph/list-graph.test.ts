/** A graph written for people. */
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Optimizer } from '../../src/experiment/experiment.ts'
import { graphsOf } from '../../src/graph/graph-program.ts'
import { dotGraph, handleNames, listGraph } from '../../src/graph/list-graph.ts'
import type { Graph } from '../../src/graph/nodes.ts'
import type { StepFunction, ProgramSource } from '../../src/graph/step-function.ts'
import { matMul2d, relu } from '../../src/kernels/dense.ts'
import { inScope } from '../../src/kernels/tensorflow.ts'
import { loadTensorflow } from '../tfjs.ts'
import { optimizers, smallSource } from './small-training.ts'

beforeAll(() => loadTensorflow({ onednn: true }))
afterAll(() => tf.disposeVariables())

/** y = relu(x · w), total += sum(y). */
function tinyGraph(): { graph: Graph; source: ProgramSource } {
  const [w, total] = [tf.variable(tf.ones([3, 2])), tf.variable(tf.scalar(0))]
  const step: StepFunction = {
    name: 'train',
    isRepeatable: false,
    arguments: [{ name: 'x', dtype: 'float32', shape: (batch) => [batch, 3] }],
    batchSizes: [4],
    body({ x }) {
      const y = inScope('dense_1', () => relu(matMul2d(tf.mul(x as tf.Tensor2D, tf.tensor1d([1, 0.5, 2])), w as tf.Tensor as tf.Tensor2D)))
      total.assign(tf.add(total, tf.sum(y)))
      return { y }
    },
  }
  const source = { variables: new Map([['dense_1/kernel', w] as const, ['total', total] as const]), table: null, steps: [step] }
  const graph = graphsOf(source, step).get(4)
  if (!graph) throw new Error('no graph')
  return { graph, source }
}

it('lists operations with numbers, constants where they are used, variables by name', () => {
  const { graph, source } = tinyGraph()
  expect(listGraph(graph, handleNames(source))).toMatchInlineSnapshot(`
    "10 operations, 2 constants

    (step)
        %0  Placeholder       x

    dense_1
        %1  Mul               %0, [1, 0.5, 2]
        %2  ReadVariableOp    dense_1/kernel
        %3  MatMul            %1, %2
        %4  Relu              %3

    (step)
        %5  Sum               %4, [0, 1]
        %6  ReadVariableOp    total
        %7  Add               %6, %5
        %8  AssignVariableOp  total, %7, after %6
        %9  Identity          %4, after %8

    fetched: y = %9
    "
  `)
})

it('draws the same as DOT', () => {
  const { graph, source } = tinyGraph()
  expect(dotGraph(graph, handleNames(source))).toMatchInlineSnapshot(`
    "digraph step {
      node [shape=box, fontname="sans-serif"]
      subgraph cluster1 { label="dense_1"; n1; n2; n3; n4 }
      "variables/v0" [label="dense_1/kernel", shape=cylinder]
      "variables/v1" [label="total", shape=cylinder]
      n0 [label="x"]
      n1 [label="Mul\\n[1, 0.5, 2]"]
      n0 -> n1
      n2 [label="ReadVariableOp"]
      "variables/v0" -> n2
      n3 [label="MatMul"]
      n1 -> n3
      n2 -> n3
      n4 [label="Relu"]
      n3 -> n4
      n5 [label="Sum\\n[0, 1]"]
      n4 -> n5
      n6 [label="ReadVariableOp"]
      "variables/v1" -> n6
      n7 [label="Add"]
      n6 -> n7
      n5 -> n7
      n8 [label="AssignVariableOp"]
      "variables/v1" -> n8
      n7 -> n8
      n6 -> n8 [style=dashed]
      n9 [label="Identity"]
      n4 -> n9
      n8 -> n9 [style=dashed]
    }
    "
  `)
})

describe('of a whole training step', () => {
  const listed = (): { lines: string[]; graph: Graph } => {
    const adagrad = optimizers[0] as Optimizer
    const { source } = smallSource(adagrad, [16])
    const [step] = source.steps
    const graph = step && graphsOf(source, step).get(16)
    if (!graph) throw new Error('no graph')
    return { lines: listGraph(graph, handleNames(source)).split('\n'), graph }
  }

  it('every operation has a line, and takes only what stands above it', () => {
    const { lines, graph } = listed()
    const operations = lines.filter((line) => /^ +%\d+ {2}/.test(line))
    expect(operations).toHaveLength(graph.nodes.filter(({ kind }) => kind === 'operation').length)
    for (const [index, line] of operations.entries()) {
      const [own, ...used] = [...line.matchAll(/%(\d+)/g)].map(([, number]) => Number(number))
      expect(own).toBe(index)
      for (const number of used) expect(number, line).toBeLessThan(index)
    }
  })

  it('every layer that has operations of its own has its heading, in order, and no handle keeps its number for a name', () => {
    const { lines } = listed()
    const headings = lines.filter((line) => /^\w+_\d$/.test(line))
    expect(headings).toEqual([
      'separableConv2d_1',
      'batchNormalization_1',
      'dropout_1',
      'conv2d_1',
      'spatialDropout2d_1',
      'flatten_1',
      'dense_1',
      'batchNormalization_2',
      'dropout_2',
      'dense_2',
    ])
    expect(lines.filter((line) => line.includes('variables/v'))).toEqual([])
  })
})
