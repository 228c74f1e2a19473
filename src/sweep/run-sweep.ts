/** `runner FILE` with a `sweep`: every point a run, several at a time, and only what is missing. */
import { copyFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import pLimit from 'p-limit'
import writeFileAtomic from 'write-file-atomic'
import type { PreparedDataset } from '../dataset/prepare.ts'
import { Fault } from '../diagnostics/diagnostic.ts'
import { sentenceOf, type Sources } from '../diagnostics/frame.ts'
import type { Experiment, Located } from '../experiment/experiment.ts'
import type { LoadedPoint, Sweep } from '../experiment/load-experiment.ts'
import type { Metrics } from '../journal/events.ts'
import type { Journal } from '../journal/journal.ts'
import { createRunFolder, listSweeps, sweepsFolder, type RunFolder } from '../journal/run-folder.ts'
import { readJournal } from '../journal/journal.ts'
import { foldRun } from '../journal/run-state.ts'
import { planNetwork } from '../network/plan-network.ts'
import { beginRun, type Trial } from '../run/begin.ts'
import { differentData } from '../run/differences.ts'
import { loadChecked } from '../run/load.ts'
import { prepareData, requireRunsFolder, startTensorflow, type Preparation } from '../run/prepare.ts'
import { openForWriting, resumeExperiment } from '../run/resume.ts'
import type { Finished, Listener, StoryEvent, TrackingSummary, TrialFinished } from '../run/story.ts'
import { prepareTracking } from '../run/track.ts'
import { carryOut, evaluateOnTest, evaluateOnValidation } from '../run/train.ts'
import { runsOf, type Workspace } from '../run/workspace.ts'
import { listNvidiaGpus } from '../setup/tensorflow-build.ts'
import { openEngines, type Engines } from './engines.ts'
import { pointDigest } from './point-digest.ts'
import { summariseVariants, type VariantSummary } from './summary.ts'
import { knownTrials, readTrial, type KnownTrial } from './trials.ts'

export interface SweepRequest extends Omit<Preparation, 'listen'> {
  readonly file: string
  readonly set: readonly string[]
  readonly listen: (event: SweepEvent) => void
  /** Whether every trial reads the test images at its end. */
  readonly readsTest: boolean
  /** Whether trials that failed are tried again. */
  readonly retriesFailed: boolean
  /** Whether what was done before is left alone. */
  readonly startsAnew: boolean
}

/** How a point stands: `reused` was finished before. */
export type TrialState = 'reused' | 'finished' | 'failed' | 'interrupted'

export type SweepEvent =
  | { readonly type: 'sweep'; readonly folder: RunFolder; readonly points: number; readonly parallel: number; readonly threads: number }
  /** What happens in a trial while it goes on. */
  | { readonly type: 'trial-story'; readonly name: string; readonly event: StoryEvent }
  | ({ readonly type: 'trial-ended' } & EndedTrial)
  /** What happens to the sweep as a whole. */
  | StoryEvent

export interface EndedTrial {
  readonly name: string
  readonly variant: string
  readonly state: TrialState
  readonly folder: RunFolder | null
  readonly metrics: Metrics
  /** Why it failed. */
  readonly reason: string | null
}

export interface SweepSummary {
  readonly folder: RunFolder
  readonly metric: string
  readonly trials: readonly EndedTrial[]
  /** Best first. */
  readonly variants: readonly VariantSummary[]
  readonly tracking: TrackingSummary
}

/** Everything that the trials share. */
interface Going {
  readonly request: SweepRequest
  readonly folder: RunFolder
  readonly journal: Journal
  readonly threads: number
  readonly engines: Engines
  readonly datasetOf: (located: Located) => Promise<PreparedDataset>
  readonly known: ReadonlyMap<string, KnownTrial>
}

/** Throws `Fault` where the file or its images are at fault; the signal's reason where it was aborted before the first trial began. */
export async function runSweep(request: SweepRequest): Promise<SweepSummary> {
  const { file, set, workspace, listen, signal } = request
  const { located, sweep, diagnostics, sources } = await loadChecked(file, set, workspace)
  if (!sweep) throw new Error(`Internal error: ${file} has no sweep`)
  if (diagnostics.length > 0) listen({ type: 'warnings', diagnostics, sources })
  await requireRunsFolder(workspace)
  const parallel = Math.min(
    sweep.points.length,
    sweep.parallel ?? ((await listNvidiaGpus(workspace.environment)).length > 0 ? 1 : availableParallelism()),
  )
  const threads = located.experiment.runtime.threads ?? Math.max(1, Math.floor(availableParallelism() / parallel))
  const tracking = prepareTracking(located.experiment.tracking, workspace, listen)
  // Whatever is wrong with the images of any point is said before the first begins.
  const datasetOf = sharedDatasets(sources, request)
  for (const point of sweep.points) await datasetOf(point.located)
  signal.throwIfAborted()
  await tracking.ready()
  const wake: Listener = (event) => {
    listen(event)
    if (event.type === 'journal') tracking.wake()
  }
  const { folder, journal } = await openSweep(located.experiment, sweep, request, wake)
  tracking.begin({ folder, journal })
  listen({ type: 'sweep', folder, points: sweep.points.length, parallel, threads })
  const engines = openEngines(() => startTensorflow(withThreads(located, threads).experiment, request))
  try {
    const known = await knownTrials(folder)
    const going: Going = { request, folder, journal, threads, engines, datasetOf, known }
    const trials = await runAll(sweep.points, parallel, going)
    const variants = summariseVariants(
      trials.map(({ variant, state, metrics }) => ({ variant, isFailed: state === 'failed', value: metrics[sweep.metric] ?? null })),
      sweep.metric === 'val/loss',
    )
    await conclude({ folder, journal }, { trials, variants, metric: sweep.metric }, signal.aborted)
    await engines.close()
    const told = await tracking.finish(signal.aborted)
    return { folder, metric: sweep.metric, trials, variants, tracking: told }
  } finally {
    await engines.close()
    await journal.close()
  }
}

/** The newest sweep of that name, or a new one. */
async function openSweep(
  experiment: Experiment,
  { points, metric }: Sweep,
  { file, workspace, startsAnew }: SweepRequest,
  listen: Listener,
): Promise<{ readonly folder: RunFolder; readonly journal: Journal }> {
  const { name, seed, training, tracking } = experiment
  const before = startsAnew ? null : await findSweep(name, tracking.experiment, workspace)
  const folder = before ?? (await createRunFolder(runsOf(workspace), sweepsFolder, name, workspace.now()))
  await copyFile(resolve(workspace.cwd, file), folder.experiment)
  const journal = await openForWriting(folder, workspace, listen)
  if (!before) {
    const tags = { 'runner.kind': 'sweep', ...tracking.tags }
    const started = { run: folder.id, name, experiment: tracking.experiment, seed, epochs: training.epochs, tags }
    await journal.append({ type: 'run-started', version: 1, ...started })
    const axes = [...new Set(points.flatMap((point) => Object.keys(point.axes)))]
    const valuesOf = (axis: string): string => [...new Set(points.flatMap((point) => point.axes[axis] ?? []))].join(', ')
    const values = Object.fromEntries(axes.map((axis) => [`sweep.${axis}`, valuesOf(axis)]))
    const seeds = new Set(points.map((point) => point.seed)).size
    await journal.append({ type: 'parameters', values: { ...values, 'sweep.seeds': String(seeds), 'sweep.metric': metric } })
    await journal.append({ type: 'artifact', path: 'experiment.yaml' })
  }
  return { folder, journal }
}

async function findSweep(name: string, experiment: string, workspace: Workspace): Promise<RunFolder | null> {
  for (const folder of (await listSweeps(runsOf(workspace))).reverse()) {
    const { started } = foldRun((await readJournal(folder.journal)).events)
    if (started?.name === name && started.experiment === experiment) return folder
  }
  return null
}

/** Images are read, audited and split once for all points that say the same of them. */
function sharedDatasets(sources: Sources, request: SweepRequest): Going['datasetOf'] {
  const prepared = new Map<string, Promise<PreparedDataset>>()
  return (located) => {
    const key = JSON.stringify([located.experiment.dataset, located.experiment.split])
    const preparing = prepared.get(key) ?? prepareData(located, sources, request)
    prepared.set(key, preparing)
    return preparing
  }
}

/** Points that are one experiment are trained once. */
async function runAll(points: readonly LoadedPoint[], parallel: number, going: Going): Promise<EndedTrial[]> {
  const limit = pLimit(parallel)
  const ended = new Map<string, Promise<EndedTrial>>()
  const { listen } = going.request
  const all = points.map(async (loaded) => {
    const point = { ...loaded, located: withThreads(loaded.located, going.threads) }
    const digest = pointDigest(point.located.experiment)
    const same = ended.get(digest)
    const trial = same ?? limit(() => runPoint(point, digest, going))
    ended.set(digest, trial)
    const outcome = { ...(await trial), name: point.name, variant: point.group }
    listen({ type: 'trial-ended', ...outcome })
    return outcome
  })
  const settled = await Promise.allSettled(all)
  for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason
  return settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
}

function withThreads(located: Located, threads: number): Located {
  const { experiment } = located
  return { ...located, experiment: { ...experiment, runtime: { ...experiment.runtime, threads } } }
}

async function runPoint(point: LoadedPoint, digest: string, going: Going): Promise<EndedTrial> {
  const { request, known } = going
  const named = { name: point.name, variant: point.group }
  const before = known.get(digest) ?? null
  if (isAborted(request)) return { ...named, ...standing(before) }
  const dataset = await going.datasetOf(point.located)
  const isUsable = before !== null && differentData(before.events, dataset).length === 0
  if (isUsable && before.state === 'finished') return { ...named, ...standing(before), state: 'reused' }
  if (isUsable && before.state === 'failed' && !request.retriesFailed) return { ...named, ...standing(before) }
  const listen: Listener = (event) => request.listen({ type: 'trial-story', name: point.name, event })
  try {
    const folder =
      isUsable && before.state === 'stopped' ? await goOn(before, going, listen) : await begin(point, digest, dataset, going, listen)
    return { ...named, ...standing(await readTrial(folder)) }
  } catch (error) {
    if (isAborted(request)) return { ...named, ...standing(null) }
    if (!(error instanceof Fault)) throw error
    const reason = error.diagnostics.map(sentenceOf).join('; ')
    return { ...named, state: 'failed', folder: null, metrics: {}, reason }
  }
}

/** It changes between two looks. */
function isAborted({ signal }: SweepRequest): boolean {
  return signal.aborted
}

function standing(trial: KnownTrial | null): Omit<EndedTrial, 'name' | 'variant'> {
  if (!trial) return { state: 'interrupted', folder: null, metrics: {}, reason: null }
  const { folder, metrics, reason } = trial
  const state = trial.state === 'finished' || trial.state === 'failed' ? trial.state : 'interrupted'
  return { state, folder, metrics, reason }
}

async function goOn({ folder, point }: KnownTrial, { request, journal }: Going, listen: Listener): Promise<RunFolder> {
  const { workspace, signal } = request
  await journal.append({ type: 'trial-begun', point, run: folder.id })
  await resumeExperiment({ run: folder.path, set: [], workspace, listen, signal })
  return folder
}

async function begin(
  { name, group, axes, located }: LoadedPoint,
  point: string,
  dataset: PreparedDataset,
  { request, folder, journal, engines }: Going,
  listen: Listener,
): Promise<RunFolder> {
  const { file, workspace, signal, readsTest } = request
  const { experiment } = located
  const network = planNetwork(located).value
  if (!network) throw new Error(`Internal error: the network of ${name} was checked, and cannot be planned`)
  const tracking = prepareTracking(experiment.tracking, workspace, listen)
  const engine = await engines.lease()
  try {
    const told: Listener = (event) => {
      listen(event)
      if (event.type === 'journal') tracking.wake()
    }
    const trial: Trial = { sweep: folder, name, variant: group, point, axes, judgedOn: readsTest ? 'test' : 'validation' }
    const run = await beginRun({ file, experiment, network, dataset, engine: engine.started, trial }, workspace, told)
    await journal.append({ type: 'trial-begun', point, run: run.folder.id })
    const training = { engine, experiment, network, dataset, run, workspace, resumeAfter: null, listen: told, signal }
    await carryOut<Finished | TrialFinished>(training, tracking, readsTest ? evaluateOnTest : evaluateOnValidation)
    return run.folder
  } finally {
    await engine.stop()
  }
}

interface Outcome {
  readonly trials: readonly EndedTrial[]
  readonly variants: readonly VariantSummary[]
  readonly metric: string
}

/** The sweep's own numbers, in its folder and for MLflow. */
async function conclude({ folder, journal }: Pick<Going, 'folder' | 'journal'>, outcome: Outcome, isInterrupted: boolean): Promise<void> {
  const { trials, variants, metric } = outcome
  const rows = trials.map(({ name, variant, state, folder: run, metrics, reason }) => ({
    name,
    variant,
    state,
    run: run?.id ?? null,
    metrics,
    reason,
  }))
  await writeFileAtomic(folder.metrics, `${JSON.stringify({ version: 1, metric, variants, trials: rows }, null, 2)}\n`)
  const failed = trials.filter(({ state }) => state === 'failed')
  if (!isInterrupted) {
    await journal.append({ type: 'evaluated', metrics: metricsOf(variants) })
    await journal.append({ type: 'artifact', path: 'metrics.json' })
    await journal.append({ type: 'described', note: noteOf(outcome) })
  }
  const reason = failed.length === 0 ? {} : { reason: `${failed.length} of ${trials.length} trials failed` }
  await journal.append({ type: 'run-ended', status: isInterrupted ? 'interrupted' : failed.length > 0 ? 'failed' : 'finished', ...reason })
}

/** `mean/…`, `low/…` and `high/…` of variants, and the best of the means. */
function metricsOf(variants: readonly VariantSummary[]): Record<string, number> {
  const metrics: Record<string, number> = {}
  for (const { name, values, mean, interval } of variants) {
    if (values.length === 0) continue
    metrics[`mean/${name}`] = mean
    if (interval) Object.assign(metrics, { [`low/${name}`]: interval.low, [`high/${name}`]: interval.high })
  }
  const [best] = variants
  return best && best.values.length > 0 ? { ...metrics, best: best.mean } : metrics
}

function noteOf({ trials, variants, metric }: Outcome): string {
  const done = trials.filter(({ state }) => state === 'finished' || state === 'reused').length
  const line = ({ name, values, mean, interval }: VariantSummary): string => {
    const range = interval ? ` (95 % over seeds ${interval.low.toFixed(4)} to ${interval.high.toFixed(4)})` : ''
    return values.length === 0 ? `- ${name}: nothing finished` : `- ${name}: ${mean.toFixed(4)}${range}, ${values.length} seeds`
  }
  return [
    `${done} of ${trials.length} trials are done. Mean ${metric} of each variant, best first; the best of many flatters itself, so compare before you conclude.`,
    '',
    ...variants.map(line),
  ].join('\n')
}
