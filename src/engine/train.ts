/** The training loop, top to bottom: epochs of steps, an evaluation, a checkpoint. */
import { setImmediate } from 'node:timers/promises'
import * as tf from '@tensorflow/tfjs-core'
import { epochMetrics } from '../evaluation/epoch-metrics.ts'
import type { Selection } from '../experiment/experiment.ts'
import { eagerProgram } from '../graph/eager-program.ts'
import { compileProgram } from '../graph/graph-program.ts'
import type { Program } from '../graph/step-function.ts'
import { randomLayers } from '../layers/forward.ts'
import { objective } from '../layers/losses.ts'
import { stepsPerEpoch } from '../network/schedule.ts'
import { checkpointWriter } from './checkpoint-writer.ts'
import { hashTensors, readCheckpoint, writeCheckpoint, type CheckpointState, type Tensors } from './checkpoint.ts'
import { dropoutSeeds, epochOrder, rateFeeds, warpTransforms } from './feeds.ts'
import { batchesOf, fillTable, imageSource, openImageFeed, trainingBatches, type ImageFeed } from './images.ts'
import { correctCount, createModel, disposeModel, lossSum, type Model } from './model.ts'
import { judge, type Judged } from './probabilities.ts'
import type { EngineFailure, TrainingEvent, TrainingInterrupted, TrainingJob, TrainingResult, WeightsName } from './protocol.ts'
import { imageTable, metricsStep, predictStep, trainStep } from './steps.ts'

/** The training itself cannot go on; everything before it stays. */
export class TrainingFailure extends Error {
  readonly failure: EngineFailure
  constructor(failure: EngineFailure) {
    super(failure.message)
    this.failure = failure
  }
}

/** A job made ready: variables, the compiled program and the way of the pixels. */
export interface Prepared {
  readonly job: TrainingJob
  readonly model: Model
  readonly program: Program
  readonly images: ImageFeed
}

const progressIntervalMs = 250

export async function prepare(job: TrainingJob): Promise<Prepared> {
  const { pack, network, splits } = job
  const { batchSize } = job.training
  const model = createModel(network, job.optimizer, job.seed)
  const source = imageSource(pack, job.imageBudget)
  const imageShape = [pack.height, pack.width, pack.channels]
  const rest = splits.train.length % batchSize
  const options = { model, source, imageShape }
  const fill = job.augmentation?.fill ?? null
  const program = (job.execution === 'graph' ? compileProgram : eagerProgram)({
    variables: model.variables,
    table: source === 'table' ? { name: imageTable, dtype: 'uint8', shape: [pack.rows, ...imageShape] } : null,
    steps: [
      trainStep({
        ...options,
        batchSizes: [...(splits.train.length >= batchSize ? [batchSize] : []), ...(rest > 0 ? [rest] : [])],
        loss: job.loss,
        classWeights: job.classWeights,
        fill,
      }),
      predictStep({ ...options, batchSizes: [job.evaluationBatchSize] }),
      metricsStep(model),
    ],
  })
  if (source === 'table') await fillTable(pack, program)
  return { job, model, program, images: await openImageFeed(pack, source) }
}

export async function dispose(prepared: Prepared): Promise<void> {
  prepared.program.dispose()
  disposeModel(prepared.model)
  await prepared.images.close()
}

/** Trains all epochs, or to the step in which `isInterrupted` answers true. */
export async function train(
  prepared: Prepared,
  emit: (event: TrainingEvent) => void,
  isInterrupted: () => boolean,
): Promise<TrainingResult | TrainingInterrupted> {
  const { job } = prepared
  const { epochs, select, earlyStopping } = job.training
  const checkpoints = checkpointWriter(job.checkpoints, emit)
  let state = await startingState(prepared)
  let tensorsAfterFirstEpoch = tf.memory().numTensors
  const first = state.epoch + 1

  while (state.epoch < epochs && !isPatienceOver(state, earlyStopping)) {
    const started = performance.now()
    const epoch = state.epoch + 1
    const pass = await trainEpoch(prepared, state, emit, isInterrupted)
    if (pass === 'interrupted') return { status: 'interrupted', epochs: state.epoch }
    if (pass instanceof TrainingFailure) {
      state = await restoreAtHalfRate(prepared, state, pass, emit)
      continue
    }

    const validation = await predict(prepared, job.splits.validation)
    const metrics = {
      'train/loss': pass.loss,
      'train/accuracy': pass.accuracy,
      'train/learning_rate': pass.learningRate,
      ...validationMetrics(prepared, validation),
    }
    emit({ type: 'epoch', epoch, step: pass.step, metrics, seconds: (performance.now() - started) / 1000 })

    const isBest = select === null || isBetter(metrics, select, state.best?.value ?? null, 0)
    const isPatient = earlyStopping !== null && isBetter(metrics, earlyStopping, state.patience?.value ?? null, earlyStopping.minDelta)
    state = {
      version: 1,
      epoch,
      step: pass.step,
      best: select && isBest ? { epoch, value: valueOf(metrics, select) } : state.best,
      patience: earlyStopping && isPatient ? { epoch, value: valueOf(metrics, earlyStopping) } : state.patience,
      ...(state.rateFactor === undefined ? {} : { rateFactor: state.rateFactor }),
    }
    await checkpoints.commit({ state, tensors: pass.tensors, isBest })

    if (epoch === first) tensorsAfterFirstEpoch = tf.memory().numTensors
    if (earlyStopping && isPatienceOver(state, earlyStopping))
      emit({ type: 'stopped-early', epoch, metric: earlyStopping.metric, bestEpoch: state.patience?.epoch ?? epoch })
  }
  await checkpoints.finish()
  return summarise(prepared, state, tensorsAfterFirstEpoch)
}

const untrained: CheckpointState = { version: 1, epoch: 0, step: 0, best: null, patience: null }

/** Fresh, or with every tensor as the checkpoint has it: weights, moving averages and the optimizer's slots. */
async function startingState({ job, program }: Prepared): Promise<CheckpointState> {
  if (job.resumeAfter === null) {
    // Something to go back to, should the first epoch fail.
    if (job.training.onNonFinite !== 'stop') await writeCheckpoint(job.checkpoints, 0, program.read(), untrained, false)
    return untrained
  }
  const { state, tensors } = await readCheckpoint(job.checkpoints, job.resumeAfter)
  program.assign(tensors)
  return state
}

/** Times that a learning rate is halved before the training is given up: a thousandth of it is left then. */
const mostHalvings = 10

/** Where the experiment wants it, and it was not tried too often; else throws the failure. */
async function restoreAtHalfRate(
  prepared: Prepared,
  { rateFactor = 1 }: CheckpointState,
  failure: TrainingFailure,
  emit: (event: TrainingEvent) => void,
): Promise<CheckpointState> {
  const { job, program } = prepared
  if (job.training.onNonFinite === 'stop' || rateFactor <= 2 ** -mostHalvings) throw failure
  const { state, tensors } = await readCheckpoint(job.checkpoints, 'last')
  program.assign(tensors)
  const again = `training goes on after epoch ${state.epoch} at 1/${2 / rateFactor} of the learning rate`
  emit({ type: 'warning', code: 'rate-halved', message: `${failure.message}; ${again}` })
  return { ...state, rateFactor: rateFactor / 2 }
}

function isPatienceOver({ epoch, patience }: CheckpointState, earlyStopping: TrainingJob['training']['earlyStopping']): boolean {
  return earlyStopping !== null && epoch - (patience?.epoch ?? epoch) >= earlyStopping.patience
}

function validationMetrics(
  { job: { network, positive, labels, splits } }: Prepared,
  { loss, probabilities }: Judged,
): Record<string, number> {
  const scores = epochMetrics(probabilities, labelsOf(labels, splits.validation), network.classes, positive)
  return Object.fromEntries(Object.entries({ loss, ...scores }).map(([name, value]) => [`val/${name}`, value]))
}

function summarise({ job, program }: Prepared, { epoch, step, best }: CheckpointState, tensorsAfterFirstEpoch: number): TrainingResult {
  return {
    status: 'finished',
    epochs: epoch,
    step,
    selectedEpoch: best?.epoch ?? epoch,
    weightsHash: hashTensors(
      program.read(),
      job.network.parameters.map(({ name }) => name),
    ),
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    tensorsAfterFirstEpoch,
    tensorsAfterLastEpoch: tf.memory().numTensors,
  }
}

interface EpochPass extends Running {
  readonly step: number
  /** Of the epoch's last step. */
  readonly learningRate: number
  /** Behind it, every one a number. */
  readonly tensors: Tensors
}

/** One pass over the training rows after that state; or why it was not finished. */
async function trainEpoch(
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

/** Probabilities and loss for rows of the pack, in that order. The last batch is filled up with its first row, which is then dropped. */
export async function predict({ job, program, images }: Prepared, rows: Int32Array): Promise<Judged> {
  const size = job.evaluationBatchSize
  const { classes, head } = job.network
  const logits = new Float32Array(rows.length * classes)
  const batches = batchesOf(rows, size).map((batch) =>
    batch.length === size ? batch : Int32Array.from({ length: size }, (_, index) => batch[index] ?? batch[0] ?? 0),
  )
  let done = 0
  for await (const feeds of images.feeds(batches)) {
    const fetched = program.run('predict', size, feeds)['logits'] ?? new Float32Array()
    logits.set((fetched as Float32Array).subarray(0, Math.min(size * classes, logits.length - done)), done)
    done += size * classes
    await setImmediate()
  }
  return judge(logits, labelsOf(job.labels, rows), classes, objective(job.loss, head))
}

/** Puts the named weights in place of the current ones. */
export async function useWeights({ job, program }: Prepared, weights: WeightsName): Promise<void> {
  const { tensors } = await readCheckpoint(job.checkpoints, weights === 'last' ? 'last' : 'best')
  program.assign(tensors)
}

function labelsOf(labels: Int32Array, rows: Int32Array): Int32Array {
  return rows.map((row) => labels[row] ?? 0)
}

function valueOf(metrics: Readonly<Record<string, number>>, { metric }: Selection): number {
  const value = metrics[metric]
  if (value === undefined) throw new Error(`Internal error: ${metric} is not logged`)
  return value
}

/** Better than the best so far by more than `minDelta`; a metric that is not a number is never better. */
function isBetter(metrics: Readonly<Record<string, number>>, selection: Selection, best: number | null, minDelta: number): boolean {
  const value = valueOf(metrics, selection)
  if (best === null) return !Number.isNaN(value)
  return selection.goal === 'maximize' ? value > best + minDelta : value < best - minDelta
}
