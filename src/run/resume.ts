/** `runner resume RUN`: go on after the last epoch that was kept, to the weights that an uninterrupted run would have had. */
import { readFile } from 'node:fs/promises'
import { splitDigest } from '../dataset/manifest-csv.ts'
import { splitNames } from '../dataset/manifest.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import { readCheckpoint } from '../engine/checkpoint.ts'
import type { Experiment } from '../experiment/experiment.ts'
import { flattenParameters } from '../experiment/flatten-parameters.ts'
import type { EngineStarted, Recorded } from '../journal/events.ts'
import { JournalInUse, openJournal, type Journal } from '../journal/journal.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import { loadChecked } from './load.ts'
import { prepareDataAndEngine } from './prepare.ts'
import { kindOfCpu } from './provenance.ts'
import { readEvents } from './read-events.ts'
import type { Listener, RunSummary } from './story.ts'
import { requireRun } from './sync.ts'
import { prepareTracking } from './track.ts'
import { carryOut } from './train.ts'
import type { Workspace } from './workspace.ts'

export interface ResumeRequest {
  /** Id, beginning of an id, folder, or `last`. */
  readonly run: string
  /** More epochs, or what does not change numbers. */
  readonly set: readonly string[]
  readonly workspace: Workspace
  readonly listen: Listener
  readonly signal: AbortSignal
}

/** Throws `Fault`: where there is nothing to resume, where something that decides the numbers differs, and as `trainExperiment` does. */
export async function resumeExperiment(request: ResumeRequest): Promise<RunSummary> {
  const { workspace, signal } = request
  const folder = await requireRun(request.run, workspace)
  const { events } = await readEvents(folder)
  // 1. The run's own file, every value of which was written out when it began.
  const { located, network, sources } = await loadChecked(folder.resolved, request.set, workspace)
  const { experiment } = located
  const resumeAfter = await lastKeptEpoch(folder, events, experiment.training.epochs, request.listen)
  const tracking = prepareTracking(experiment.tracking, workspace, request.listen)
  const { dataset, engine } = await prepareDataAndEngine(located, sources, request)
  try {
    // 2. Whatever has a say in the numbers has to be what it was.
    const differences = [
      ...differentParameters(events, experiment),
      ...differentData(events, dataset),
      ...(await differentMachine(folder, events, engine.started)),
    ]
    if (differences.length > 0) throw new Fault(differences, 1)
    await tracking.ready()
    // 3. From here on it is the run's only writer.
    const listen: Listener = (event) => {
      request.listen(event)
      if (event.type === 'journal') tracking.wake()
    }
    const journal = await openForWriting(folder, workspace, listen)
    await journal.append(engine.started)
    return await carryOut({ engine, experiment, network, dataset, run: { folder, journal }, resumeAfter, listen, signal }, tracking)
  } finally {
    await engine.stop()
  }
}

async function openForWriting(folder: RunFolder, workspace: Workspace, listen: Listener): Promise<Journal> {
  const onEvent = (event: Recorded): void => listen({ type: 'journal', event })
  return openJournal(folder.journal, { now: workspace.now, onEvent }).catch((error: unknown) => {
    if (!(error instanceof JournalInUse)) throw error
    const hint = 'Wait for it to end. Of a process that was killed, the lock falls after ten seconds.'
    throw new Fault([{ code: 'run-in-use', severity: 'error', message: `${folder.id} is being trained by another process`, hint }], 1)
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

/** Values that change no number, and `training.epochs`, which may grow. */
const free = /^(name|description|tracking|rules)(\.|$)|^evaluation\.|^runtime\.|^training\.epochs$/

function differentParameters(events: readonly Recorded[], experiment: Experiment): Diagnostic[] {
  const before = events.find((event) => event.type === 'parameters')?.values ?? {}
  const now = flattenParameters(experiment)
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((name) => !free.test(name))
  const changed = names.flatMap((name) => differs(name, before[name], now[name], 'A resumed run keeps what decides its numbers.'))
  const epochs = Number(before['training.epochs'] ?? 0)
  return experiment.training.epochs < epochs
    ? [...changed, ...differs('training.epochs', String(epochs), String(experiment.training.epochs), 'Epochs may grow, not shrink.')]
    : changed
}

function differentData(events: readonly Recorded[], { manifest }: PreparedDataset): Diagnostic[] {
  const contexts = { train: 'training', validation: 'validation', test: 'testing' } as const
  return splitNames.flatMap((split) => {
    const before = events.find((event) => event.type === 'dataset' && event.context === contexts[split])
    const digest = before?.type === 'dataset' ? before.digest : undefined
    const hint = 'Images were added, removed or changed since. split.csv in the run folder has what was there.'
    return differs(`the ${contexts[split]} images`, digest, splitDigest(manifest, split), hint)
  })
}

async function differentMachine(folder: RunFolder, events: readonly Recorded[], now: EngineStarted): Promise<Diagnostic[]> {
  const before = events.find((event) => event.type === 'engine-started')
  if (before?.type !== 'engine-started') return []
  const { cpu } = JSON.parse(await readFile(folder.environment, 'utf8')) as { readonly cpu?: string }
  const hint = 'Other bits would come out. Resume where the run began, or begin it anew here.'
  return [
    ...(['device', 'backend', 'tensorflow', 'threads', 'onednn'] as const).flatMap((name) =>
      differs(
        `the engine's ${name}`,
        String(before[name]),
        String(now[name]),
        name === 'threads' ? `${hint} --set runtime.threads=${before.threads} may do.` : hint,
      ),
    ),
    ...differs('the kind of CPU', cpu, kindOfCpu(), hint),
  ]
}

function differs(what: string, before: string | undefined, now: string | undefined, hint: string): Diagnostic[] {
  if (before === now) return []
  const message = `${what} is not what it was when the run began`
  return [{ code: 'resume-differs', severity: 'error', message, expected: before ?? 'nothing', received: now ?? 'nothing', hint }]
}
