/** The training loop, top to bottom: epochs of steps, an evaluation, a checkpoint. */
import { epochMetrics } from '../evaluation/epoch-metrics.ts'
import type { Selection } from '../experiment/experiment.ts'
import { checkpointWriter } from './checkpoint-writer.ts'
import { hashTensors, readCheckpoint, writeCheckpoint, type CheckpointState } from './checkpoint.ts'
import { trainEpoch, TrainingFailure } from './epoch.ts'
import { labelsOf, predict } from './predict.ts'
import type { Prepared } from './prepared.ts'
import type { Judged } from './probabilities.ts'
import type { TrainingEvent, TrainingInterrupted, TrainingJob, TrainingResult } from './protocol.ts'

/** What the parent says meanwhile. */
export interface Leave {
  readonly isInterrupted: () => boolean
  /** Resolves when the parent has answered `paused`. */
  readonly answer: () => Promise<void>
}

/** Trains all epochs, or to the step in which `isInterrupted` answers true. */
export async function train(
  prepared: Prepared,
  emit: (event: TrainingEvent) => void,
  { isInterrupted, answer }: Leave,
): Promise<TrainingResult | TrainingInterrupted> {
  const { job } = prepared
  const { epochs, select, earlyStopping } = job.training
  const checkpoints = checkpointWriter(job.checkpoints, emit)
  let state = await startingState(prepared)
  let tensorsAfterFirstEpoch = prepared.program.countTensors()
  const first = state.epoch + 1

  while (state.epoch < epochs && !isPatienceOver(state, earlyStopping)) {
    const started = performance.now()
    const epoch = state.epoch + 1
    const pass = await trainEpoch(prepared, state, emit, isInterrupted)
    if (pass === 'interrupted') {
      await checkpoints.settle()
      return { status: 'interrupted', epochs: state.epoch }
    }
    if (pass instanceof TrainingFailure) {
      await checkpoints.settle()
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
    const seconds = (performance.now() - started) / 1000
    // The one before was written meanwhile.
    await checkpoints.settle()
    emit({ type: 'epoch', epoch, step: pass.step, metrics, seconds })

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
    prepared.validation.set('last', validation.probabilities)
    if (isBest) prepared.validation.set('selected', validation.probabilities)
    checkpoints.begin({ state, tensors: pass.tensors, isBest })

    if (epoch === first) tensorsAfterFirstEpoch = prepared.program.countTensors()
    if (earlyStopping && isPatienceOver(state, earlyStopping)) {
      await checkpoints.settle()
      emit({ type: 'stopped-early', epoch, metric: earlyStopping.metric, bestEpoch: state.patience?.epoch ?? epoch })
    } else if (epoch < epochs && job.pauses.includes(epoch) && (await checkpoints.settle())) {
      const answered = answer()
      emit({ type: 'paused', epoch })
      await answered
      if (isInterrupted()) return { status: 'interrupted', epochs: epoch }
    }
  }
  await checkpoints.finish()
  return summarise(prepared, state, tensorsAfterFirstEpoch)
}

const untrained: CheckpointState = { version: 1, epoch: 0, step: 0, best: null, patience: null }

/** Fresh, or with every tensor as the checkpoint has it: weights, moving averages and the optimizer's slots. */
async function startingState({ job, program }: Prepared): Promise<CheckpointState> {
  if (job.resumeAfter === null) {
    // Something to go back to, should the first epoch fail.
    if (job.training.onNonFinite !== 'stop') writeCheckpoint(job.checkpoints, 0, await program.read(), untrained, false)
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
  // The best so far may be an epoch that a full disk did not take.
  prepared.validation.clear()
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

async function summarise(
  { job, program }: Prepared,
  { epoch, step, best }: CheckpointState,
  tensorsAfterFirstEpoch: number,
): Promise<TrainingResult> {
  return {
    status: 'finished',
    epochs: epoch,
    step,
    selectedEpoch: best?.epoch ?? epoch,
    weightsHash: hashTensors(
      await program.read(),
      job.network.parameters.map(({ name }) => name),
    ),
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    tensorsAfterFirstEpoch,
    tensorsAfterLastEpoch: program.countTensors(),
  }
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
