/** The training loop in this process: one training, whichever way its images and operations go. */
import { readdir } from 'node:fs/promises'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readCheckpoint } from '../../src/engine/checkpoint.ts'
import type { TrainingEvent, TrainingInterrupted, TrainingJob, TrainingResult } from '../../src/engine/protocol.ts'
import { predict, useWeights } from '../../src/engine/predict.ts'
import { dispose, prepare, type Prepared } from '../../src/engine/prepared.ts'
import { tensorflowPrograms } from '../../src/engine/tensorflow-programs.ts'
import { train } from '../../src/engine/train.ts'
import { loadTensorflow } from '../tfjs.ts'
import { committedOf, epochsOf, finished, makeJob, metricsOf, type SmallJob } from './small-job.ts'

beforeAll(() => loadTensorflow({ onednn: false }))

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

interface Trained {
  readonly result: TrainingResult | TrainingInterrupted
  readonly events: readonly TrainingEvent[]
  readonly prepared: Prepared
}

async function jobWith(changes: Partial<TrainingJob>): Promise<TrainingJob> {
  const small: SmallJob = await makeJob(changes)
  open.push(small.remove)
  return small.job
}

async function trainWith(changes: Partial<TrainingJob>, isInterrupted: (events: number) => boolean = () => false): Promise<Trained> {
  const prepared = await prepare(await jobWith(changes), tensorflowPrograms)
  open.unshift(() => dispose(prepared))
  return trainPrepared(prepared, isInterrupted)
}

async function trainPrepared(prepared: Prepared, isInterrupted: (events: number) => boolean = () => false): Promise<Trained> {
  const events: TrainingEvent[] = []
  let asked = 0
  const result = await train(prepared, (event) => events.push(event), {
    isInterrupted: () => isInterrupted(asked++),
    answer: () => Promise.resolve(),
  })
  return { result, events, prepared }
}

const learningRate = { initial: 0.01, warmupEpochs: 0, curve: { kind: 'constant' } } as const
const adagrad = { kind: 'adagrad', learningRate, initialAccumulatorValue: 0.1, epsilon: 1e-7 } as const
const short = { epochs: 2, batchSize: 8, select: null, earlyStopping: null, onNonFinite: 'stop' } as const

describe('the same training', () => {
  it('ends with the same weights whether its images are resident, read ahead, or run operation by operation', async () => {
    const resident = await trainWith({ training: short })
    const fed = await trainWith({ training: short, imageBudget: 0 })
    const eager = await trainWith({ training: short, execution: 'eager' })
    const eagerFed = await trainWith({ training: short, execution: 'eager', imageBudget: 0 })
    for (const other of [fed, eager, eagerFed]) {
      expect(finished(other.result).weightsHash).toBe(finished(resident.result).weightsHash)
      expect(metricsOf(other.events)).toEqual(metricsOf(resident.events))
    }
  })

  it('ends with other weights under another seed', async () => {
    const [first, second] = [await trainWith({ training: short }), await trainWith({ training: short, seed: 8 })]
    expect(finished(second.result).weightsHash).not.toBe(finished(first.result).weightsHash)
  })

  it('ends with the same weights and metrics on the graphs of another before it', async () => {
    const other = { seed: 8, optimizer: { ...adagrad, learningRate: { ...learningRate, initial: 0.003 } } }
    const alone = await trainWith({ training: { ...short, epochs: 3 }, ...other })
    const before = await prepare(await jobWith({ training: short }), tensorflowPrograms)
    await trainPrepared(before)
    // The pixels lie where the training before had them, as those of a sweep do.
    const job = { ...before.job, training: { ...short, epochs: 3 }, ...other, checkpoints: (await jobWith({})).checkpoints }
    const prepared = await prepare(job, tensorflowPrograms, before)
    open.unshift(() => dispose(prepared))
    expect(prepared.program).toBe(before.program)
    const after = await trainPrepared(prepared)
    expect(finished(after.result).weightsHash).toBe(finished(alone.result).weightsHash)
    expect(metricsOf(after.events)).toEqual(metricsOf(alone.events))
  })

  it.each([
    ['class weights', { classWeights: [1, 3] }],
    ['fill mode', { augmentation: null }],
    ['optimizer', { optimizer: { ...adagrad, epsilon: 1e-3 } }],
    ['batch size', { training: { ...short, batchSize: 9 } }],
    ['way of its images', { imageBudget: 0 }],
  ])('has graphs of its own where it has another %s than the one before it', async (_, changes) => {
    const before = await prepare(await jobWith({ training: short }), tensorflowPrograms)
    const prepared = await prepare({ ...before.job, ...changes }, tensorflowPrograms, before)
    open.unshift(() => dispose(prepared))
    expect(prepared.program).not.toBe(before.program)
  })

  it('learns', async () => {
    const { events } = await trainWith({ training: { ...short, epochs: 12 }, augmentation: null })
    const metrics = metricsOf(events)
    expect(metrics.at(-1)?.['train/loss']).toBeLessThan((metrics[0]?.['train/loss'] ?? 0) * 0.7)
    expect(metrics.at(-1)?.['val/roc_auc']).toBeGreaterThan(0.9)
  })
})

describe.each(['graph', 'eager'] as const)('running as %s', (execution) => {
  it('makes no tensor from one epoch to the next, and leaves none when it is disposed of', async () => {
    const before = tf.memory().numTensors
    const { result, prepared } = await trainWith({ execution, training: { ...short, epochs: 5 } })
    const { tensorsAfterFirstEpoch, tensorsAfterLastEpoch } = finished(result)
    expect(tensorsAfterFirstEpoch).toBeGreaterThan(before)
    expect(tensorsAfterLastEpoch).toBe(tensorsAfterFirstEpoch)
    open.shift()
    await dispose(prepared)
    expect(tf.memory().numTensors).toBe(before)
  })
})

it('counts every image of an epoch once, the smaller last batch included', async () => {
  const { result, events } = await trainWith({ training: short })
  expect(result).toMatchObject({ status: 'finished', epochs: 2, step: 14, selectedEpoch: 2 })
  const accuracy = metricsOf(events)[0]?.['train/accuracy'] ?? NaN
  expect(accuracy * 54).toBeCloseTo(Math.round(accuracy * 54), 4)
})

it('selects the epoch with the best value of the metric it was given, and predicts with its weights', async () => {
  const select = { metric: 'val/loss', goal: 'minimize' } as const
  const { result, events, prepared } = await trainWith({ training: { ...short, epochs: 6, select } })
  const losses = metricsOf(events).map((metrics) => metrics['val/loss'] ?? NaN)
  const { selectedEpoch } = finished(result)
  expect(selectedEpoch).toBe(losses.indexOf(Math.min(...losses)) + 1)
  expect(
    committedOf(events)
      .flatMap(({ isBest, epoch }) => (isBest ? [epoch] : []))
      .at(-1),
  ).toBe(selectedEpoch)
  for (const [weights, loss] of [
    ['selected', Math.min(...losses)],
    ['last', losses.at(-1)],
  ] as const) {
    await useWeights(prepared, weights)
    const judged = await predict(prepared, prepared.job.splits.validation)
    expect(judged.loss).toBe(loss)
    expect(prepared.validation.get(weights)).toEqual(judged.probabilities)
  }
})

it('stops early once the metric has not improved for as many epochs as it may wait', async () => {
  const earlyStopping = { metric: 'val/loss', goal: 'minimize', patience: 2, minDelta: 100 } as const
  const { result, events } = await trainWith({ training: { ...short, epochs: 9, earlyStopping } })
  expect(result).toMatchObject({ status: 'finished', epochs: 3 })
  expect(events.at(-1)).toEqual({ type: 'stopped-early', epoch: 3, metric: 'val/loss', bestEpoch: 1 })
})

it('predicts each row alone, whatever stands beside it in the batch', async () => {
  const { prepared } = await trainWith({ training: { ...short, epochs: 1 } })
  const { validation } = prepared.job.splits
  const all = await predict(prepared, validation)
  const [first, second] = [await predict(prepared, validation.subarray(0, 7)), await predict(prepared, validation.subarray(7))]
  expect([...first.probabilities, ...second.probabilities]).toEqual([...all.probabilities])
  for (let row = 0; row < validation.length; row++)
    expect((all.probabilities[row * 2] ?? 0) + (all.probabilities[row * 2 + 1] ?? 0)).toBeCloseTo(1, 6)
})

it('says an epoch before its checkpoint is committed, and writes what it says', async () => {
  const { events, prepared } = await trainWith({ training: short })
  expect(events.filter(({ type }) => type !== 'progress').map(({ type }) => type)).toEqual(['epoch', 'committed', 'epoch', 'committed'])
  const { state } = await readCheckpoint(prepared.job.checkpoints, 'last')
  expect(state).toMatchObject({ epoch: 2, step: epochsOf(events).at(-1)?.step })
})

it('stops at the next step when it is interrupted, and keeps the committed epochs', async () => {
  const { result, events, prepared } = await trainWith({ training: { ...short, epochs: 50 } }, (asked) => asked === 7 + 3)
  expect(result).toEqual({ status: 'interrupted', epochs: 1 })
  expect(epochsOf(events)).toHaveLength(1)
  expect((await readdir(prepared.job.checkpoints)).sort()).toEqual(['000001', 'best', 'last'])
})

describe('a loss that is no number, where the rate may be halved', () => {
  const trainAt = (initial: number): Promise<Trained> => {
    const learningRate = { initial, warmupEpochs: 0, curve: { kind: 'constant' } } as const
    const optimizer = { kind: 'sgd', learningRate, momentum: 0, nesterov: false } as const
    return trainWith({ optimizer, training: { ...short, onNonFinite: 'restoreAndHalveRate' } })
  }

  it('leads back to the last checkpoint and on at half the rate', async () => {
    const { result, events } = await trainAt(200)
    expect(result).toMatchObject({ status: 'finished', epochs: 2 })
    const warnings = events.filter((event) => event.type === 'warning')
    expect(warnings[0]?.message).toMatch(/^at the end of epoch 1 .* goes on after epoch 0 at 1\/2 of the learning rate$/)
    expect(warnings.at(-1)?.message).toContain('goes on after epoch 1')
    for (const { code } of warnings) expect(code).toBe('rate-halved')
    expect(epochsOf(events).map(({ epoch }) => epoch)).toEqual([1, 2])
    expect(metricsOf(events).at(-1)?.['train/learning_rate']).toBe(200 / 2 ** warnings.length)
  })

  it('is given up after ten times', async () => {
    await expect(trainAt(1e30)).rejects.toMatchObject({ failure: { code: 'non-finite' } })
  })
})

it('gives up with a way out when the loss is no longer a number', async () => {
  const learningRate = { initial: 1e30, warmupEpochs: 0, curve: { kind: 'constant' } } as const
  const failing = trainWith({ optimizer: { kind: 'sgd', learningRate, momentum: 0, nesterov: false } })
  await expect(failing).rejects.toMatchObject({ failure: { code: 'non-finite' } })
  await expect(failing).rejects.toThrow(/in epoch 1.*lower optimizer.learningRate/)
})

it('says that a pack is shorter than its manifest', async () => {
  const job = await jobWith({})
  const longer = { ...job, pack: { ...job.pack, rows: job.pack.rows + 1 } }
  await expect(prepare(longer, tensorflowPrograms)).rejects.toThrow('shorter than its manifest')
})
