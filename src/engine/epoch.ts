/** One epoch: steps over the training rows, and a look at what they made of the numbers. */
import { setImmediate } from 'node:timers/promises'
import type { Feeds, Program } from '../graph/step-function.ts'
import { randomLayers } from '../layers/forward.ts'
import { stepsPerEpoch } from '../network/schedule.ts'
import type { CheckpointState, Tensors } from './checkpoint.ts'
import { dropoutSeeds, epochOrder, rateFeeds, warpTransforms } from './feeds.ts'
import { trainingBatches } from './images.ts'
import { correctCount, lossSum } from './first-values.ts'
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
  { job, rule, program, images }: Prepared,
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
  const check = async (): Promise<Running | TrainingFailure> => {
    const running = await runningMetrics(program, seen)
    if (!Number.isFinite(running.loss)) return nonFinite(running.loss, epoch, stepsBefore + checked + 1, batches.slice(checked, step))
    checked = step
    return running
  }
  program.assign(new Map([lossSum, correctCount].map((name) => [name, new Float32Array(1)])))

  const feedsOf = (rows: Int32Array, imageFeeds: Feeds, t: number): Feeds => {
    const rates = rateFeeds(optimizer, rule, t, steps, rateFactor)
    learningRate = rates.learningRate
    return {
      ...imageFeeds,
      ...rates.feeds,
      labels: labelsOf(labels, rows),
      seeds: dropoutSeeds(layers, seed, t),
      ...(augmentation ? { transforms: warpTransforms(augmentation, seed, epoch, rows, [pack.height, pack.width]) } : {}),
    }
  }

  for await (const call of callsOf(batches, images.feeds(batches), program.stepsPerCall)) {
    if (isInterrupted()) return 'interrupted'
    const feeds = call.map(({ rows, imageFeeds }, index) => feedsOf(rows, imageFeeds, stepsBefore + step + index))
    await program.runEach('train', call[0]?.rows.length ?? 0, feeds)
    step += call.length
    seen += call.reduce((sum, { rows }) => sum + rows.length, 0)
    const now = performance.now()
    if (now - lastProgress >= progressIntervalMs) {
      lastProgress = now
      const running = await check()
      if (running instanceof TrainingFailure) return running
      emit({ type: 'progress', epoch, epochs: training.epochs, step, steps, ...running, imagesPerSecond: (seen / (now - started)) * 1000 })
    }
    // A session call blocks this thread; let the parent's messages in between two of them.
    await setImmediate()
  }
  const whole = await check()
  if (whole instanceof TrainingFailure) return whole
  const tensors = await program.read()
  return nonFiniteTensor(tensors, epoch) ?? { step: stepsBefore + step, learningRate, tensors, ...whole }
}

interface Batch {
  readonly rows: Int32Array
  readonly imageFeeds: Feeds
}

/** Batches one after the other, those of one size together as far as a call takes them. */
async function* callsOf(batches: readonly Int32Array[], feeds: AsyncIterable<Feeds>, most: number): AsyncGenerator<readonly Batch[]> {
  let call: Batch[] = []
  let index = 0
  for await (const imageFeeds of feeds) {
    call.push({ rows: batches[index] ?? new Int32Array(), imageFeeds })
    index += 1
    if (call.length < most && batches[index]?.length === call[0]?.rows.length) continue
    yield call
    call = []
  }
}

interface Running {
  readonly loss: number
  readonly accuracy: number
}

/** Means over the images of the epoch so far. */
async function runningMetrics(program: Program, seen: number): Promise<Running> {
  const { loss, correct } = await program.run('metrics', 1, {})
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
