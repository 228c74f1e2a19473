/** `runner FILE` with a `sweep`: every point a run, several at a time, and only what is missing. */
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { Sources } from '../diagnostics/frame.ts'
import type { Located } from '../experiment/experiment.ts'
import type { Sweep } from '../experiment/load-experiment.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { prepareData, requireRunsFolder } from '../run/prepare.ts'
import type { Listener, TrackingSummary } from '../run/story.ts'
import { prepareTracking } from '../run/track.ts'
import { conclude } from './conclude.ts'
import { doneBefore, onTheseImages, standing, type EndedTrial, type Standing, type Terms } from './ended-trial.ts'
import type { Launcher, MissingPoint, OpenSweep } from './launcher.ts'
import { localLauncher } from './local-launcher.ts'
import { pointDigest } from './point-digest.ts'
import { slurmLauncher } from './slurm-launcher.ts'
import { summariseVariants, type VariantSummary } from './summary.ts'
import { openSweep } from './sweep-folder.ts'
import type { SweepRequest } from './sweep-request.ts'
import { tellUnwatched } from './tell-unwatched.ts'
import { knownTrials } from './trials.ts'

export interface SweepSummary {
  readonly folder: RunFolder
  readonly metric: string
  readonly trials: readonly EndedTrial[]
  /** Best first. */
  readonly variants: readonly VariantSummary[]
  readonly tracking: TrackingSummary
}

/** Throws `Fault` where the file or its images are at fault; the signal's reason where it was aborted before the first trial began. */
export async function runSweep(request: SweepRequest): Promise<SweepSummary> {
  const { loaded, workspace, listen, signal, startsAnew, retriesFailed } = request
  const { file, located, sweep, diagnostics, sources } = loaded
  if (!sweep) throw new Error(`Internal error: ${file} has no sweep`)
  if (diagnostics.length > 0) listen({ type: 'warnings', diagnostics, sources })
  await requireRunsFolder(workspace)
  const launcher = await launcherOf(sweep, request)
  await launcher.prepare()
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
  const { folder, journal } = await openSweep(located.experiment, sweep, { file, workspace, startsAnew }, wake)
  try {
    tracking.begin({ folder, journal })
    const { parallel, threads } = launcher
    listen({ type: 'sweep', folder, points: sweep.points.length, metric: sweep.metric, parallel, threads })
    const points = sweep.points.map((point): MissingPoint => {
      const loadedPoint = { ...point, located: withThreads(point.located, threads) }
      return { loaded: loadedPoint, digest: pointDigest(loadedPoint.located.experiment) }
    })
    const { metric, prune } = sweep
    const pruning = prune && { prune, metric }
    const introduced = tracking.introduced()
    const open: OpenSweep = { request, folder, journal, datasetOf, introduced, pruning, known: await knownTrials(folder) }
    await tellUnwatched(open.known.values(), { journal, tracking: located.experiment.tracking, workspace, listen })
    const trials = await settle(points, launcher, open, { retriesFailed, pruning })
    const isInterrupted = signal.aborted || trials.some(({ state }) => state === 'interrupted')
    const variants = summariseVariants(
      trials.map(({ variant, point, fold, state, metrics }) => ({ variant, point, fold, state, value: metrics[metric] ?? null })),
      metric,
    )
    await conclude({ folder, journal }, { trials, variants, metric }, isInterrupted)
    const told = await tracking.finish(signal.aborted)
    return { folder, metric, trials, variants, tracking: told }
  } finally {
    await journal.close()
  }
}

function launcherOf({ launcher: { slurm }, parallel, points }: Sweep, request: SweepRequest): Promise<Launcher> {
  if (slurm) return Promise.resolve(slurmLauncher(slurm, parallel, request))
  return localLauncher(parallel, points.length, request)
}

/** Images are read, audited and split once for all points that say the same of them. */
function sharedDatasets(sources: Sources, request: SweepRequest): OpenSweep['datasetOf'] {
  const prepared = new Map<string, Promise<PreparedDataset>>()
  return (located) => {
    const key = JSON.stringify([located.experiment.dataset, located.experiment.split])
    const preparing = prepared.get(key) ?? prepareData(located, sources, request)
    prepared.set(key, preparing)
    return preparing
  }
}

/** Points that are one experiment are trained once, and what is done is not done again. */
async function settle(points: readonly MissingPoint[], launcher: Launcher, open: OpenSweep, terms: Terms): Promise<EndedTrial[]> {
  const { request, known, datasetOf } = open
  const settled = new Map<string, Standing>()
  const tell = ({ digest }: MissingPoint, standing: Standing): void => {
    settled.set(digest, standing)
    for (const point of points) if (point.digest === digest) request.listen({ type: 'trial-ended', ...named(point, standing) })
  }
  const missing: MissingPoint[] = []
  const unique = points.filter((point, index) => points.findIndex(({ digest }) => digest === point.digest) === index)
  for (const point of unique) {
    const before = onTheseImages(known.get(point.digest) ?? null, await datasetOf(point.loaded.located))
    const done = doneBefore(before, terms)
    if (done) tell(point, done)
    else missing.push(point)
  }
  await launcher.run(missing, open, tell)
  return points.map((point) => named(point, settled.get(point.digest) ?? standing(null)))
}

function named({ loaded, digest }: MissingPoint, state: Standing): EndedTrial {
  const { name, group, seed, fold } = loaded
  return { name, variant: group, point: digest, seed, fold, ...state }
}

function withThreads(located: Located, threads: number): Located {
  const { experiment } = located
  return { ...located, experiment: { ...experiment, runtime: { ...experiment.runtime, threads } } }
}
