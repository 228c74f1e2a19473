/** `runner FILE` with a `sweep`: every point a run, several at a time, and only what is missing. */
import { availableParallelism } from 'node:os'
import pLimit from 'p-limit'
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { Sources } from '../diagnostics/frame.ts'
import type { Located } from '../experiment/experiment.ts'
import type { LoadedPoint } from '../experiment/load-experiment.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { prepareData, requireRunsFolder, startTensorflow } from '../run/prepare.ts'
import type { Listener, TrackingSummary } from '../run/story.ts'
import { prepareTracking } from '../run/track.ts'
import { listNvidiaGpus } from '../setup/tensorflow-build.ts'
import { conclude } from './conclude.ts'
import type { EndedTrial } from './ended-trial.ts'
import { openEngines } from './engines.ts'
import { pointDigest } from './point-digest.ts'
import { runPoint, type Going } from './run-point.ts'
import { summariseVariants, type VariantSummary } from './summary.ts'
import { openSweep } from './sweep-folder.ts'
import type { SweepRequest } from './sweep-request.ts'
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
  const { loaded, workspace, listen, signal, startsAnew } = request
  const { file, located, sweep, diagnostics, sources } = loaded
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
  const { folder, journal } = await openSweep(located.experiment, sweep, { file, workspace, startsAnew }, wake)
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
