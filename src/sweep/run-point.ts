/** One point of a sweep: taken as it stands, gone on with, or begun; by one process at a time, wherever it runs. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { PreparedDataset } from '../dataset/prepare.ts'
import { Fault } from '../diagnostics/diagnostic.ts'
import { sentenceOf } from '../diagnostics/frame.ts'
import type { Experiment, Located, Tracking } from '../experiment/experiment.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { JournalInUse, lockForWriting } from '../journal/writer.ts'
import { planNetwork } from '../network/plan-network.ts'
import { beginRun, type Trial } from '../run/begin.ts'
import { resumeExperiment } from '../run/resume.ts'
import type { Finished, Listener, StoryEvent, TrialFinished } from '../run/story.ts'
import type { RunTracking } from '../run/track.ts'
import { carryOut, evaluateOnTest, evaluateOnValidation, type EpochJudge } from '../run/train.ts'
import type { Workspace } from '../run/workspace.ts'
import { doneBefore, onTheseImages, standing, type Standing } from './ended-trial.ts'
import type { Engines } from './engines.ts'
import { judgeTrial, type PruningRule } from './judge-trial.ts'
import type { MissingPoint } from './launcher.ts'
import { readTrial, type KnownTrial } from './trials.ts'

/** Where a trial is made: what it shares with others, and who is told. */
export interface Bench {
  readonly sweep: RunFolder
  readonly workspace: Workspace
  readonly signal: AbortSignal
  readonly readsTest: boolean
  readonly retriesFailed: boolean
  readonly pruning: PruningRule | null
  readonly engines: Engines
  readonly datasetOf: (located: Located) => Promise<PreparedDataset>
  /** Whether a point that another process is at is waited for: a task that was requeued may meet its own last copy. */
  readonly waitsForOthers: boolean
  readonly knownOf: (digest: string) => Promise<KnownTrial | null>
  readonly trackingOf: (tracking: Tracking, listen: Listener) => RunTracking
  readonly listen: (name: string, event: StoryEvent) => void
  readonly onBegun: (digest: string, run: RunFolder) => Promise<void>
}

export async function runPoint(point: MissingPoint, bench: Bench): Promise<Standing> {
  const release = await claim(point.digest, bench)
  const before = await bench.knownOf(point.digest)
  if (!release) return bench.signal.aborted ? standing(before) : { ...standing(before), reason: 'another process is at it' }
  try {
    return bench.signal.aborted ? standing(before) : await runClaimed(point, before, bench)
  } finally {
    await release()
  }
}

/** Two processes must not begin one point; one that was killed gives it up within seconds. Null where another has it. */
async function claim(digest: string, { sweep, signal, waitsForOthers }: Bench): Promise<(() => Promise<void>) | null> {
  const claims = join(sweep.path, 'claims')
  await mkdir(claims, { recursive: true })
  while (!signal.aborted) {
    try {
      return await lockForWriting(join(claims, digest), () => undefined)
    } catch (error) {
      if (!(error instanceof JournalInUse)) throw error
      if (!waitsForOthers) return null
      await delay(1_000, undefined, { signal }).catch(() => undefined)
    }
  }
  return null
}

async function runClaimed(point: MissingPoint, known: KnownTrial | null, bench: Bench): Promise<Standing> {
  const { name, located } = point.loaded
  const listen: Listener = (event) => bench.listen(name, event)
  const dataset = await bench.datasetOf(located)
  const before = onTheseImages(known, dataset)
  const done = doneBefore(before, bench)
  if (done) return done
  let run = before?.folder ?? null
  const onBegun: Bench['onBegun'] = (digest, folder) => {
    run = folder
    return bench.onBegun(digest, folder)
  }
  try {
    if (before && before.state !== 'failed') await goOn(before, point, { ...bench, onBegun }, listen)
    else await begin(point, dataset, { ...bench, onBegun }, listen)
    return standing(await standOf(run))
  } catch (error) {
    const after = standing(await standOf(run))
    if (bench.signal.aborted) return { ...after, state: 'interrupted' }
    if (!(error instanceof Fault)) throw error
    const isUnharmed = error.diagnostics.some(({ code }) => code === 'run-in-use' || code === 'engine-killed')
    return { ...after, state: isUnharmed ? 'interrupted' : 'failed', reason: error.diagnostics.map(sentenceOf).join('; ') }
  }
}

async function standOf(run: RunFolder | null): Promise<KnownTrial | null> {
  return run ? readTrial(run) : null
}

async function goOn({ folder }: KnownTrial, { loaded, digest }: MissingPoint, bench: Bench, listen: Listener): Promise<void> {
  const { workspace, signal, trackingOf, onBegun } = bench
  await onBegun(digest, folder)
  const judge = judgeOf(loaded.located.experiment, bench)
  await resumeExperiment({ run: folder.path, set: [], workspace, listen, signal, trackingOf, judge })
}

function judgeOf({ training }: Experiment, { sweep, pruning }: Bench): EpochJudge | null {
  return pruning && judgeTrial(sweep, pruning, training.epochs)
}

async function begin({ loaded, digest }: MissingPoint, dataset: PreparedDataset, bench: Bench, listen: Listener): Promise<void> {
  const { sweep, workspace, signal, readsTest, engines, trackingOf, onBegun } = bench
  const { name, group, axes, located } = loaded
  const { experiment } = located
  const network = planNetwork(located).value
  if (!network) throw new Error(`Internal error: the network of ${name} was checked, and cannot be planned`)
  const tracking = trackingOf(experiment.tracking, listen)
  const engine = await engines.lease()
  try {
    const told: Listener = (event) => {
      listen(event)
      if (event.type === 'journal') tracking.wake()
    }
    const trial: Trial = { sweep, name, variant: group, point: digest, axes, judgedOn: readsTest ? 'test' : 'validation' }
    const run = await beginRun({ file: sweep.experiment, experiment, network, dataset, engine: engine.started, trial }, workspace, told)
    await onBegun(digest, run.folder)
    const training = {
      engine,
      experiment,
      network,
      dataset,
      run,
      workspace,
      resumeAfter: null,
      listen: told,
      signal,
      judge: judgeOf(experiment, bench),
    }
    await carryOut<Finished | TrialFinished>(training, tracking, readsTest ? evaluateOnTest : evaluateOnValidation)
  } finally {
    await engine.stop()
  }
}
