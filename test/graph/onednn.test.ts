/** With oneDNN, as users run it, the graph fuses what single operations do not: near, and no longer equal. */
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eagerProgram } from '../../src/graph/eager-program.ts'
import { compileProgram } from '../../src/graph/graph-program.ts'
import { largestDifference, loadTensorflow } from '../tfjs.ts'
import { optimizers, runSteps, smallSource } from './small-training.ts'

beforeAll(() => loadTensorflow({ onednn: true }))
afterAll(() => tf.disposeVariables())

it.each(optimizers)('a step with $kind gives every weight and slot to 5e-5', async (optimizer) => {
  const [graph, eager] = await Promise.all(
    [compileProgram, eagerProgram].map((make) => {
      const { source, model } = smallSource(optimizer, [8])
      return runSteps(make(source), model, optimizer, [8])
    }),
  )
  expect(eager?.size).toBeGreaterThan(20)
  for (const [name, values] of eager ?? []) expect(largestDifference(graph?.get(name) ?? [], values), name).toBeLessThan(5e-5)
})
