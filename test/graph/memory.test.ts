/** Thousands of steps take no more memory than hundreds. */
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, expect, it } from 'vitest'
import { compileProgram } from '../../src/graph/graph-program.ts'
import { loadTensorflow } from '../tfjs.ts'
import type { Optimizer } from '../../src/experiment/experiment.ts'
import { optimizers, runSteps, smallSource } from './small-training.ts'

beforeAll(() => loadTensorflow({ onednn: true }))

it('keeps tensors constant and memory flat over 2,500 steps', async () => {
  const adagrad = optimizers[0] as Optimizer
  const { source, model } = smallSource(adagrad, [8])
  const program = compileProgram(source)
  const batches = (steps: number): number[] => new Array<number>(steps).fill(8)
  await runSteps(program, model, adagrad, batches(500))
  const before = { tensors: tf.memory().numTensors, rss: process.memoryUsage().rss }
  await runSteps(program, model, adagrad, batches(2000))
  expect(tf.memory().numTensors).toBe(before.tensors)
  expect(process.memoryUsage().rss - before.rss).toBeLessThan(60e6)
})
