import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import type { Layer } from '../../src/experiment/experiment.ts'
import { updateRule } from '../../src/layers/optimizers.ts'
import { estimateMemory, fittingBatchSize, slotsOf } from '../../src/network/memory.ts'
import { planNetwork } from '../../src/network/plan-network.ts'
import { optimizers } from '../graph/small-training.ts'
import { projectRoot } from '../runner.ts'
import { conv2d, dense, experimentWith, flatten, maxPooling2d } from './stack.ts'

const layers: readonly Layer[] = [
  conv2d(4, { padding: 'same' }),
  maxPooling2d(2),
  { kind: 'dropout', name: 'dropout_1', rate: 0.5 },
  flatten,
  dense(2, { activation: 'softmax' }),
]
const { value: network } = planNetwork(experimentWith(layers, { shape: [8, 8, 3], classes: 2 }))
if (!network) throw new Error('the network is at fault')
const [adagrad] = optimizers
if (!adagrad) throw new Error('no optimizer')
const options = { optimizer: adagrad, batchSize: 32, evaluationBatchSize: 256, images: null }

describe('the estimate of memory', () => {
  it('counts weights, slots and activations exactly', () => {
    // 3x3x3x4 + 4 and 64x2 + 2; the image, the convolution, the pooling, the dropout with its mask, the logits.
    const trainable = 112 + 130
    expect(estimateMemory(network, options)).toMatchObject({
      parameters: 4 * trainable,
      optimizer: 4 * trainable,
      activations: 4 * 192 + 4 * 256 + 4 * 64 + 5 * 64 + 4 * 2,
    })
  })

  for (const optimizer of optimizers)
    it(`knows what ${optimizer.kind} keeps beside each weight`, () => {
      expect(slotsOf(optimizer)).toEqual(Object.keys(updateRule(optimizer).slots))
    })

  it('grows with the batch, with resident images, and not with images that are read ahead', () => {
    const peak = (changes: Partial<typeof options> | { images: { bytes: number; isResident: boolean } }): number =>
      estimateMemory(network, { ...options, ...changes }).peak.train
    expect(peak({ batchSize: 64 })).toBeGreaterThan(peak({}))
    expect(peak({ images: { bytes: 1e9, isResident: true } })).toBe(peak({}) + 1e9)
    expect(peak({ images: { bytes: 1e9, isResident: false } })).toBe(peak({}))
  })

  it('finds the largest batch that fits into what is there, and none where the process itself does not', () => {
    const large = { ...options, batchSize: 100_000 }
    const enough = estimateMemory(network, { ...options, batchSize: 4096 }).peak.train
    expect(fittingBatchSize(network, large, enough)).toBe(4096)
    expect(fittingBatchSize(network, large, enough - 1)).toBe(2048)
    expect(fittingBatchSize(network, { ...options, batchSize: 4096 }, 1e12)).toBe(2048)
    expect(fittingBatchSize(network, large, 1e6)).toBeNull()
  })

  it('is within 30 % of what an engine takes that trains CancerNet at batch 64', async () => {
    const args = ['scripts/measure-memory.mjs', 'experiments/baseline.yaml', '--batch', '64', '--steps', '2']
    const { stdout } = await execa('node', args, { cwd: projectRoot, timeout: 110_000 })
    const [batch, estimated = 0, measured = 0] = (stdout.split('\n').at(-1) ?? '').trim().split(/ +/).map(Number)
    expect(batch).toBe(64)
    expect(measured).toBeGreaterThan(400)
    expect(estimated / measured).toBeGreaterThan(0.7)
    expect(estimated / measured).toBeLessThan(1.3)
  })
})
