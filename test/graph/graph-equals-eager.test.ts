/** One graph, or operation by operation: the same bits. */
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eagerProgram } from '../../src/graph/eager-program.ts'
import { extrapolate } from '../../src/graph/extrapolate.ts'
import { compileProgram, graphsOf } from '../../src/graph/graph-program.ts'
import { traceStep } from '../../src/graph/trace.ts'
import type { Graph } from '../../src/graph/nodes.ts'
import type { Optimizer } from '../../src/experiment/experiment.ts'
import { loadTensorflow } from '../tfjs.ts'
import { optimizers, runSteps, smallSource } from './small-training.ts'

beforeAll(() => loadTensorflow({ onednn: false }))
afterEach(() => tf.disposeVariables())

async function runBoth(
  optimizer: Optimizer,
  batches: readonly number[],
): Promise<{ graph: Map<string, Float32Array>; eager: Map<string, Float32Array> }> {
  const sizes = [...new Set(batches)]
  const traced = smallSource(optimizer, sizes)
  const graph = await runSteps(compileProgram(traced.source), traced.model, optimizer, batches)
  const single = smallSource(optimizer, sizes)
  const eager = await runSteps(eagerProgram(single.source), single.model, optimizer, batches)
  return { graph, eager }
}

/** Names of the variables whose bits differ. */
async function differing(optimizer: Optimizer, batches: readonly number[]): Promise<string[]> {
  const { graph, eager } = await runBoth(optimizer, batches)
  expect(graph.size).toBeGreaterThan(20)
  return [...eager].flatMap(([name, values]) => (bits(values).equals(bits(graph.get(name) ?? new Float32Array())) ? [] : [name]))
}

function bits({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(new Uint8Array(buffer, byteOffset, byteLength))
}

/** Without the functions that constants are made by. */
function plain(graph: Graph | undefined): unknown {
  return { outputs: graph?.outputs, nodes: graph?.nodes.map((node) => (node.kind === 'constant' ? { ...node, ofBatch: null } : node)) }
}

const adagrad = optimizers[0] as Optimizer

describe('a traced step', () => {
  it.each([1, 10, 100])('gives the same bits as single operations after %i steps', async (steps) => {
    expect(await differing(adagrad, new Array<number>(steps).fill(8))).toEqual([])
  })

  it('gives the same bits when a smaller last batch comes in between', async () => {
    expect(await differing(adagrad, [8, 8, 5, 8, 8, 5])).toEqual([])
  })

  it.each(optimizers)('gives the same bits with $kind', async (optimizer) => {
    expect(await differing(optimizer, [8, 8, 8])).toEqual([])
  })

  it('is written for a batch size from two tiny traces exactly as it would be traced there', () => {
    const { source } = smallSource(adagrad, [16])
    for (const step of source.steps.slice(0, 2)) {
      const written = graphsOf(source, step).get(16)
      const traced = traceStep(source, step, 16, `${step.name}16`)
      expect(written?.nodes.length).toBeGreaterThan(10)
      expect(plain(written)).toEqual(plain(traced))
    }
  })
})

it('refuses to write a graph whose constants depend on the batch size without saying how', () => {
  const constant = { kind: 'constant', name: 'c', dtype: 'float32', shape: [], ofBatch: null } as const
  const graph = (value: number) => ({ nodes: [{ ...constant, values: Float32Array.of(value) }], outputs: {} })
  expect(() => extrapolate(graph(0.5), graph(1 / 3), 16, { from: 'a', to: 'b' })).toThrow('does not say how')
})
