/** `runner FILE`: check, prepare, train, evaluate, log. */
import writeFileAtomic from 'write-file-atomic'
import { splitDigest } from '../dataset/manifest-csv.ts'
import type { Pack, SplitName } from '../dataset/manifest.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import { EngineError, type Engine } from '../engine/engine.ts'
import type { TrainingEvent, TrainingInterrupted, TrainingJob, TrainingResult } from '../engine/protocol.ts'
import { writePredictions } from '../evaluation/predictions-csv.ts'
import type { Experiment } from '../experiment/experiment.ts'
import type { EpochEnded, Trained } from '../journal/events.ts'
import type { Journal } from '../journal/journal.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import { classWeightValues } from '../network/class-weights.ts'
import type { Network } from '../network/plan.ts'
import { beginRun, type BegunRun } from './begin.ts'
import type { LoadedFile } from './load.ts'
import { writeModelFolder } from './model-files.ts'
import { describeNote } from './note.ts'
import { engineFault, prepareDataAndEngine, requireRunsFolder } from './prepare.ts'
import { bestMetrics, evaluateRun, finalMetrics, headline, judgementOf, predictSplit, writeResults } from './results.ts'
import { writeReport } from './report.ts'
import { testReadings } from './test-reading.ts'
import { wayOutOf } from './way-out.ts'
import type { Finished, Interrupted, Listener, RunContext, RunSummary, TrialFinished } from './story.ts'
import { prepareTracking, type RunTracking } from './track.ts'
import type { Workspace } from './workspace.ts'

export interface TrainRequest {
  readonly loaded: LoadedFile
  readonly workspace: Workspace
  readonly listen: Listener
  /** Aborted by the first Ctrl-C: the step is finished, what is committed stays. */
  readonly signal: AbortSignal
}

/** Throws `Fault` where the experiment, the environment or the training is at fault; the signal's reason where it was aborted before the run began. */
export async function trainExperiment(request: TrainRequest): Promise<RunSummary> {
  const { loaded, workspace, signal } = request
  const { file, located, network, diagnostics, sources } = loaded
  if (diagnostics.length > 0) request.listen({ type: 'warnings', diagnostics, sources })
  const { experiment } = located
  await requireRunsFolder(workspace)
  // 1. MLflow and TensorFlow are made ready while the images are read.
  const tracking = prepareTracking(experiment.tracking, workspace, request.listen)
  const { dataset, engine } = await prepareDataAndEngine(located, sources, request)
  try {
    await tracking.ready()
    // 2. The run has a folder and a journal from here on.
    const listen: Listener = (event) => {
      request.listen(event)
      if (event.type === 'journal') tracking.wake()
    }
    const run = await beginRun({ file, experiment, network, dataset, engine: engine.started }, workspace, listen)
    return await carryOut(
      { engine, experiment, network, dataset, run, workspace, resumeAfter: null, listen, signal, judge: null },
      tracking,
      evaluateOnTest,
    )
  } finally {
    await engine.stop()
  }
}

/** The rest of a run that has a folder and a journal: train, read the test set once, tell MLflow however it ended. */
export async function carryOut<End>(
  training: Training,
  tracking: RunTracking,
  conclude: Conclusion<End>,
): Promise<RunContext & (End | Interrupted)> {
  const { engine, experiment, network, dataset, run, resumeAfter, listen, signal } = training
  tracking.begin(run)
  listen({ type: 'planned', experiment, network, dataset, folder: run.folder, engine: engine.started, resumeAfter })
  const [ended] = await Promise.allSettled([trainAndConclude(training, conclude)])
  await engine.stop()
  const told = await tracking.finish(signal.aborted)
  await run.journal.close()
  if (ended.status === 'rejected') throw ended.reason
  return { folder: run.folder, experiment, dataset, tracking: told, ...ended.value }
}

export interface Training {
  readonly engine: Engine
  readonly experiment: Experiment
  readonly network: Network
  readonly dataset: PreparedDataset
  readonly run: BegunRun
  readonly workspace: Workspace
  /** The epoch after whose checkpoint the training goes on; null from the beginning. */
  readonly resumeAfter: number | null
  readonly listen: Listener
  readonly signal: AbortSignal
  /** Null where nobody stops it but the user. */
  readonly judge: EpochJudge | null
}

/** Who may end a training before its last epoch. */
export interface EpochJudge {
  /** The epochs at whose end it is asked. */
  readonly epochs: readonly number[]
  /** Why the training ends here, or null: it goes on. Rests on journals alone, and is journalled before it resolves. */
  judge(epoch: number, journal: Journal): Promise<string | null>
}

/** What follows the last epoch: what is written, told and given back. Null where it was interrupted meanwhile. */
export type Conclusion<End> = (training: Training, result: TrainingResult) => Promise<End | null>

/** Whatever happens in here, the journal gets its end. */
async function trainAndConclude<End>(training: Training, conclude: Conclusion<End>): Promise<End | Interrupted> {
  const { run, signal } = training
  try {
    const result = signal.aborted ? null : await trainInEngine(training)
    if (result?.status === 'pruned') {
      await run.journal.append({ type: 'run-ended', status: 'pruned', reason: result.reason })
      return { status: 'interrupted', epochs: result.epochs }
    }
    const outcome = result?.status === 'finished' ? await conclude(training, result) : null
    await run.journal.append({ type: 'run-ended', status: outcome ? 'finished' : 'interrupted' })
    return outcome ?? { status: 'interrupted', epochs: result?.epochs ?? 0 }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    // Where it is the journal that cannot be written, the first error says so.
    await run.journal.append({ type: 'run-ended', status: wasKilled(error) ? 'interrupted' : 'failed', reason }).catch(() => undefined)
    throw error instanceof EngineError ? engineFault(error, wayOutOf(error, training)) : error
  }
}

/** By somebody: the training is not at fault, and goes on when it is asked to. */
function wasKilled(error: unknown): boolean {
  return error instanceof EngineError && error.failure.code === 'killed'
}

interface Pruned {
  readonly status: 'pruned'
  readonly epochs: number
  readonly reason: string
}

/** The journal is the truth: a training whose events cannot be written is stopped, and fails with the reason. */
async function trainInEngine({
  engine,
  experiment,
  network,
  dataset,
  run: { folder, journal },
  resumeAfter,
  listen,
  signal,
  judge,
}: Training): Promise<TrainingResult | TrainingInterrupted | Pruned> {
  const state: { failure: Error | null; pruned: Pruned | null } = { failure: null, pruned: null }
  const interrupt = (): void => engine.interrupt()
  const fail = (error: unknown): void => {
    state.failure ??= error instanceof Error ? error : new Error(String(error))
    interrupt()
  }
  const judgeAt = async (epoch: number): Promise<Pruned | null> => {
    const reason = judge?.epochs.includes(epoch) ? await judge.judge(epoch, journal) : null
    return reason === null ? null : { status: 'pruned', epochs: epoch, reason }
  }
  let written: Promise<unknown> = Promise.resolve()
  const onEvent = (event: TrainingEvent): void => {
    listen({ type: 'training', event })
    // Said again and again, for it may come before the engine listens.
    if (signal.aborted || state.failure) interrupt()
    if (event.type === 'progress' || event.type === 'preparing') return
    if (event.type === 'paused')
      written
        .then(() => judgeAt(event.epoch))
        .then((pruned) => {
          state.pruned = pruned
          if (pruned) interrupt()
          else engine.goOn()
        })
        .catch(fail)
    else {
      written = journal.append(event)
      written.catch(fail)
    }
  }
  // Where it was cut off between an epoch's end and what was to be said of it.
  const prunedBefore = resumeAfter === null ? null : await judgeAt(resumeAfter)
  if (prunedBefore) return prunedBefore
  signal.addEventListener('abort', interrupt, { once: true })
  try {
    const job = { ...trainingJob(experiment, network, dataset, folder), resumeAfter, pauses: judge?.epochs ?? [] }
    const result = await engine.train(job, onEvent)
    throwIfAny(state.failure)
    return state.pruned ?? result
  } finally {
    signal.removeEventListener('abort', interrupt)
  }
}

function throwIfAny(error: Error | null): void {
  if (error) throw error
}

/** The test images are read once. Where that was interrupted nothing is told of them. */
export async function evaluateOnTest(
  { engine, experiment, network, dataset, run, workspace, listen, signal }: Training,
  result: TrainingResult,
): Promise<Finished | null> {
  const { folder, journal } = run
  await journal.append(trainedEvent(result))
  listen({ type: 'finishing', what: 'reading the test set' })
  const digest = splitDigest(dataset.manifest, 'test')
  await journal.append({ type: 'test-read', why: 'final evaluation', digest })
  const outcome = await evaluateRun(engine, experiment, dataset, result)
  if (signal.aborted) return null
  listen({ type: 'finishing', what: 'writing predictions, metrics, plots, model and report' })
  const epochs: readonly EpochEnded[] = foldRun(journal.events).committed
  const best = epochs.find(({ epoch }) => epoch === result.selectedEpoch)
  await journal.append({ type: 'evaluated', metrics: finalMetrics(outcome.evaluations, best) })
  const { evaluations, predictions } = outcome
  const { checkpoints, executables } = folder
  const { batchSize } = experiment.evaluation
  const { precision } = experiment.runtime
  const ask = (pack: Pack): Promise<Float32Array> => {
    const rows = Int32Array.from({ length: pack.rows }, (_, row) => row)
    return engine.predictPack({ network, checkpoints, pack, rows, batchSize, precision, executables })
  }
  const written = await writeResults({ folder, experiment, dataset, result, epochs, ...outcome }, ask)
  for (const path of written.artifacts) await journal.append({ type: 'artifact', path })
  for (const picture of written.pictures) await journal.append({ type: 'picture', ...picture })
  for (const path of written.tables) await journal.append({ type: 'table', path })
  const { threshold } = headline(evaluations.selected)
  await writeModelFolder({ folder, events: journal.events, experiment, network, threshold }, engine)
  await journal.append({ type: 'model', path: 'model', epoch: result.selectedEpoch, register: experiment.tracking.register })
  await writeReport(folder, {
    experiment,
    evaluation: evaluations.selected,
    test: predictions.test,
    slides: written.slides,
    events: journal.events,
    testReadings: await testReadings(digest, workspace),
  })
  await journal.append({ type: 'artifact', path: 'report.html' })
  await journal.append({ type: 'described', note: describeNote(experiment, dataset, outcome.evaluations) })
  return { status: 'finished', result, evaluations: outcome.evaluations }
}

/** A trial's end: the selected weights on the validation images, and nothing else. */
export async function evaluateOnValidation(
  { engine, experiment, dataset, run: { folder, journal }, signal }: Training,
  result: TrainingResult,
): Promise<TrialFinished | null> {
  await journal.append(trainedEvent(result))
  const predictions = await predictSplit(engine, dataset, 'selected', 'validation')
  if (signal.aborted) return null
  const best = foldRun(journal.events).committed.find(({ epoch }) => epoch === result.selectedEpoch)
  const metrics = best?.metrics ?? {}
  await journal.append({ type: 'evaluated', metrics: bestMetrics(result.selectedEpoch, metrics) })
  await writeFileAtomic(folder.predictions, writePredictions([predictions], judgementOf(experiment)))
  await journal.append({ type: 'artifact', path: 'predictions.csv' })
  return { status: 'validated', metrics }
}

function trainedEvent({
  epochs,
  step,
  weightsHash,
  peakMemoryBytes,
  tensorsAfterFirstEpoch,
  tensorsAfterLastEpoch,
}: TrainingResult): Trained {
  return { type: 'trained', epochs, step, weightsHash, peakMemoryBytes, tensorsAfterFirstEpoch, tensorsAfterLastEpoch }
}

function trainingJob(
  experiment: Experiment,
  network: Network,
  { manifest, pack, counts }: PreparedDataset,
  folder: RunFolder,
): Omit<TrainingJob, 'resumeAfter' | 'pauses'> {
  const rowsOf = (split: SplitName): Int32Array =>
    Int32Array.from(manifest.rows.flatMap((row, index) => (row.split === split ? [index] : [])))
  return {
    seed: experiment.seed,
    network,
    loss: experiment.loss,
    optimizer: experiment.optimizer,
    augmentation: experiment.augmentation,
    classWeights: classWeightValues(experiment.classWeights, counts.train.classes),
    training: experiment.training,
    evaluationBatchSize: experiment.evaluation.batchSize,
    positive: experiment.dataset.positive,
    pack,
    labels: Int32Array.from(manifest.rows, (row) => row.class),
    splits: { train: rowsOf('train'), validation: rowsOf('validation'), test: rowsOf('test') },
    imageBudget: experiment.runtime.imageBudget,
    checkpoints: folder.checkpoints,
    execution: 'graph',
    precision: experiment.runtime.precision,
    executables: folder.executables,
  }
}
