/**
 * What XLA makes of the baseline's training step for an H100 that is only described: a change that breaks the fusion of operations, or brings a
 * library's calls in, fails here.
 */
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it, vi, beforeEach } from 'vitest'
import { graphSource } from '../../src/engine/graph-source.ts'
import { lowerProgram } from '../../src/engine/lower-program.ts'
import { loadExperiment } from '../../src/experiment/load-experiment.ts'
import { planNetwork } from '../../src/network/plan-network.ts'
import type { Precision } from '../../src/xla/builder.ts'
import { flagsFor } from '../../src/xla/compile-options.ts'
import { callName } from '../../src/xla/device-program.ts'
import { projectRoot } from '../runner.ts'
import { loadTensorflow } from '../tfjs.ts'
import { aotPython, compileForH100, skipWord, type AotReport } from './aot.ts'

beforeAll(() => {
  loadTensorflow({ onednn: true })
  vi.stubEnv('RUNNER_OPERATIONS', 'tensorflow')
})
afterAll(() => {
  vi.unstubAllEnvs()
  tf.disposeVariables()
})

const batch = 32
const images = 16_000

/** The baseline's step as the product compiles it for a card: one, or several as a loop. */
async function compiled(precision: Precision, repeats: number): Promise<AotReport> {
  const options = { env: {}, cwd: projectRoot, projectRoot, set: [] }
  const { value: located } = await loadExperiment(join(projectRoot, 'experiments/baseline.yaml'), options)
  const network = located && planNetwork(located).value
  if (!network) throw new Error('the baseline is at fault')
  const { optimizer, loss, augmentation } = located.experiment
  const job = { network, optimizer, loss, fill: augmentation?.fill ?? null, classWeights: [1, 2.5] }
  const { source } = graphSource({ ...job, batchSizes: [batch], evaluationBatchSize: batch, images, isResident: true })
  const { steps } = lowerProgram(source, { precision, stepsPerCall: repeats })
  return compileForH100(steps[callName('train', batch, repeats)]?.text ?? '', flagsFor(precision))
}

describe("the baseline's step for a described H100", () => {
  beforeEach(({ skip }) => skip(aotPython === null, skipWord))
  it('is one graph of fused kernels that calls no library, and moves half a gigabyte', { timeout: 300_000 }, async () => {
    const report = await compiled('float32', 1)
    expect(report).toMatchObject({ cudaGraphs: 1, cudnnCalls: 0, cublasCalls: 0, customCalls: {}, whileLoops: 0 })
    expect(report.kernels).toBeLessThan(200)
    expect(report.bytesAccessed).toBeLessThan(0.55e9)
    expect(report.temporaryBytes).toBeLessThan(70e6)
    // Everything but the loss lies where it was: weights, statistics and the optimizer's slots.
    expect(report.outputBytes - report.aliasedBytes).toBeLessThan(1000)
  })

  it(
    'is one loop around one graph where a call takes several, and the device is never asked between them',
    { timeout: 300_000 },
    async () => {
      const report = await compiled('float32', 16)
      expect(report).toMatchObject({ cudaGraphs: 1, cudnnCalls: 0, cublasCalls: 0, whileLoops: 1, tripCount: 16, copies: 0 })
      expect(report.kernels).toBeLessThan(200)
      expect(report.bytesAccessed).toBeLessThan(0.55e9)
    },
  )

  it('moves two thirds of that in bfloat16', { timeout: 300_000 }, async () => {
    const report = await compiled('bfloat16', 1)
    expect(report).toMatchObject({ cudaGraphs: 1, cudnnCalls: 0, cublasCalls: 0 })
    expect(report.bytesAccessed).toBeLessThan(0.35e9)
  })
})
