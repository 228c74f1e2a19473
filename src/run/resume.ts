/** `runner resume RUN`: go on after the last epoch that was kept, to the weights that an uninterrupted run would have had. */
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import { readCheckpoint } from '../engine/checkpoint.ts'
import type { Tracking } from '../experiment/experiment.ts'
import type { Recorded } from '../journal/events.ts'
import { openJournal, type Journal } from '../journal/journal.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import { JournalInUse } from '../journal/writer.ts'
import { trialTag } from './begin.ts'
import { differentData, differentMachine, differentParameters } from './differences.ts'
import { loadChecked } from './load.ts'
import { prepareDataAndEngine } from './prepare.ts'
import { readEvents } from './read-events.ts'
import type { Finished, Listener, RunSummary, TrialFinished } from './story.ts'
import { requireRun } from './sync.ts'
import { prepareTracking, type RunTracking } from './track.ts'
import { carryOut, evaluateOnTest, evaluateOnValidation, type EpochJudge } from './train.ts'
import type { Workspace } from './workspace.ts'

export interface ResumeRequest {
  /** Id, beginning of an id, folder, or `last`. */
  readonly run: string
  /** More epochs, or what does not change numbers. */
  readonly set: readonly string[]
  readonly workspace: Workspace
  readonly listen: Listener
  readonly signal: AbortSignal
  /** How MLflow is told; left out, by this process. */
  readonly trackingOf?: (tracking: Tracking, listen: Listener) => RunTracking
  /** Left out where nobody stops it but the user. */
  readonly judge?: EpochJudge | null
}

/** Throws `Fault`: where there is nothing to resume, where something that decides the numbers differs, and as `trainExperiment` does. */
export async function resumeExperiment(request: ResumeRequest): Promise<RunSummary> {
  const { workspace, signal, judge = null } = request
  const folder = await requireRun(request.run, workspace)
  const { events } = await readEvents(folder)
  // 1. The run's own file, every value of which was written out when it began.
  const { located, network, sources } = await loadChecked(folder.resolved, request.set, workspace)
  const { experiment } = located
  const resumeAfter = await lastKeptEpoch(folder, events, experiment.training.epochs, request.listen)
  const tracking = request.trackingOf
    ? request.trackingOf(experiment.tracking, request.listen)
    : prepareTracking(experiment.tracking, workspace, request.listen)
  const { dataset, engine } = await prepareDataAndEngine(located, sources, request)
  try {
    // 2. Whatever has a say in the numbers has to be what it was.
    const differences = [
      ...differentParameters(events, experiment),
      ...differentData(events, dataset),
      ...(await differentMachine(folder, events, engine.started)),
    ].map((difference): Diagnostic => ({ code: 'resume-differs', severity: 'error', ...difference }))
    if (differences.length > 0) throw new Fault(differences, 1)
    await tracking.ready()
    // 3. From here on it is the run's only writer.
    const listen: Listener = (event) => {
      request.listen(event)
      if (event.type === 'journal') tracking.wake()
    }
    const journal = await openForWriting(folder, workspace, listen)
    await journal.append(engine.started)
    const training = { engine, experiment, network, dataset, run: { folder, journal }, workspace, resumeAfter, listen, signal, judge }
    return await carryOut<Finished | TrialFinished>(training, tracking, isTrial(events) ? evaluateOnValidation : evaluateOnTest)
  } finally {
    await engine.stop()
  }
}

/** Of a sweep that leaves the test images alone. */
function isTrial(events: readonly Recorded[]): boolean {
  return foldRun(events).started?.tags[trialTag.judgedOn] === 'validation'
}

/** Throws `Fault` where another process writes it. */
export async function openForWriting(folder: RunFolder, workspace: Workspace, listen: Listener): Promise<Journal> {
  const onEvent = (event: Recorded): void => listen({ type: 'journal', event })
  return openJournal(folder.journal, { now: workspace.now, onEvent }).catch((error: unknown) => {
    if (!(error instanceof JournalInUse)) throw error
    const message = `${folder.id} is being written by ${error.writer}`
    throw new Fault([{ code: 'run-in-use', severity: 'error', message, hint: 'Wait for it to end, or end it.' }], 1)
  })
}

/** The newest committed epoch whose checkpoint is whole; null where the run has to begin anew. Damaged ones are passed over, and said. */
async function lastKeptEpoch(folder: RunFolder, events: readonly Recorded[], epochs: number, listen: Listener): Promise<number | null> {
  const { status, committed } = foldRun(events)
  const last = committed.at(-1)?.epoch ?? 0
  const hasStoppedEarly = events.some(({ type }) => type === 'stopped-early')
  if (status === 'finished' && (epochs <= last || hasStoppedEarly)) {
    const hint = hasStoppedEarly
      ? 'It stopped early, as training.earlyStopping says; more epochs would not change that.'
      : `To train on: runner resume ${folder.id} --set training.epochs=${last * 2}`
    throw new Fault([{ code: 'run-finished', severity: 'error', message: `${folder.id} has finished its ${last} epochs`, hint }], 1)
  }
  for (const { epoch } of [...committed].reverse()) {
    const fault = await readCheckpoint(folder.checkpoints, epoch).then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    if (fault === null) return epoch
    // Older ones were removed on purpose; only the newest two can be missed.
    if (epoch >= last - 1) listen(passedOver(folder, epoch, fault))
  }
  return null
}

function passedOver(folder: RunFolder, epoch: number, fault: string) {
  const message = `the checkpoint of epoch ${epoch} cannot be used: ${fault}`
  const hint = `${folder.id} goes on from an earlier one, and comes to the same weights.`
  const diagnostics: readonly Diagnostic[] = [{ code: 'checkpoint-unusable', severity: 'warning', message, hint }]
  return { type: 'warnings', diagnostics, sources: new Map<string, string>() } as const
}
