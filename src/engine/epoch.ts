/** One epoch: steps over the training rows, and a look at what they made of the numbers. */
import { setImmediate } from 'node:timers/promises'
import type { Program } from '../graph/step-function.ts'
import { randomLayers } from '../layers/forward.ts'
import { stepsPerEpoch } from '../network/schedule.ts'
import type { CheckpointState, Tensors } from './checkpoint.ts'
import { dropoutSeeds, epochOrder, rateFeeds, warpTransforms } from './feeds.ts'
import { trainingBatches } from './images.ts'
import { correctCount, lossSum } from './model.ts'
import { labelsOf } from './predict.ts'
import type { Prepared } from './prepared.ts'
import type { EngineFailure, TrainingEvent } from './protocol.ts'

/** The training itself cannot go on; everything before it stays. */
export class TrainingFailure extends Error {
  readonly failure: EngineFailure
  constructor(failure: EngineFailure) {
    super(failure.message)
    this.failure = failure
  }
}

const progressIntervalMs = 250

export interface EpochPass extends Running {
  readonly step: number
  /** Of the epoch's last step. */
  readonly learningRate: number
  /** Behind it, every one a number. */
  readonly tensors: Tensors
}

/** One pass over the training rows after that state; or why it was not finished. */
export async function trainEpoch(
  { job, model, program, images }: Prepared,
  { epoch: epochsBefore, step: stepsBefore, rateFactor = 1 }: CheckpointState,
  emit: (event: TrainingEvent) => void,
  isInterrupted: () => boolean,
): Promise<EpochPass | TrainingFailure | 'interrupted'> {
  const { seed, augmentation, optimizer, labels, pack, splits, training } = job
  const epoch = epochsBefore + 1
  const layers = randomLayers(job.network)
  const steps = stepsPerEpoch(splits.train.length, training.batchSize)
  const batches = trainingBatches(epochOrder(splits.train, seed, epoch), training.batchSize)
  const started = performance.now()
  let lastProgress = started
  let seen = 0
  let learningRate = 0
  let step = 0
  let checked = 0
  const check = (): Running | TrainingFailure => {
    const running = runningMetrics(program, seen)
    if (!Number.isFinite(running.loss)) return nonFinite(running.loss, epoch, stepsBefore + checked + 1, batches.slice(checked, step))
    checked = step
    return running
  }
  program.assign(new Map([lossSum, correctCount].map((name) => [name, new Float32Array(1)])))

  for await (const imageFeeds of images.feeds(batches)) {
    if (isInterrupted()) return 'interrupted'
    const rows = batches[step] ?? new Int32Array()
    const t = stepsBefore + step
    const rates = rateFeeds(optimizer, model.rule, t, steps, rateFactor)
    learningRate = rates.learningRate
    program.run('train', rows.length, {
      ...imageFeeds,
      ...rates.feeds,
      labels: labelsOf(labels, rows),
      seeds: dropoutSeeds(layers, seed, t),
      ...(augmentation ? { transforms: warpTransforms(augmentation, seed, epoch, rows, [pack.height, pack.width]) } : {}),
    })
    step += 1
    seen += rows.length
    const now = performance.now()
    if (now - lastProgress >= progressIntervalMs) {
      lastProgress = now
      const running = check()
      if (running instanceof TrainingFailure) return running
      emit({ type: 'progress', epoch, epochs: training.epochs, step, steps, ...running, imagesPerSecond: (seen / (now - started)) * 1000 })
    }
    // A session call blocks this thread; let the parent's messages in between two of them.
    await setImmediate()
  }
  const whole = check()
  if (whole instanceof TrainingFailure) return whole
  const tensors = program.read()
  return nonFiniteTensor(tensors, epoch) ?? { step: stepsBefore + step, learningRate, tensors, ...whole }
}

interface Running {
  readonly loss: number
  readonly accuracy: number
}

/** Means over the images of the epoch so far. */
function runningMetrics(program: Program, seen: number): Running {
  const { loss, correct } = program.run('metrics', 1, {})
  return { loss: (loss?.[0] ?? NaN) / seen, accuracy: (correct?.[0] ?? NaN) / seen }
}

/** The loss is read now and then only: one of these batches made it what it is. `first` is the first of their steps. */
function nonFinite(loss: number, epoch: number, first: number, batches: readonly Int32Array[]): TrainingFailure {
  const last = first + batches.length - 1
  const where = first === last ? `step ${first}` : `one of the steps ${first} to ${last}`
  const message = `the loss became ${loss} in epoch ${epoch}, in ${where}; lower optimizer.learningRate, or look for images without content`
  return new TrainingFailure({ code: 'non-finite', message, rows: batches.flatMap((rows) => [...rows]) })
}

/** The last step's update shows in no loss of its epoch: what it left is looked at before it is kept. */
function nonFiniteTensor(tensors: Tensors, epoch: number): TrainingFailure | null {
  for (const [name, values] of tensors) {
    if (values.every(Number.isFinite)) continue
    const message = `at the end of epoch ${epoch} ${name} has values that are no numbers; lower optimizer.learningRate`
    return new TrainingFailure({ code: 'non-finite', message })
  }
  return null
}
