/** One task of an array job: the trial that it stands for, begun or gone on with, and what came of it, written for whoever watches. */
import { dirname } from 'node:path'
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import { sentenceOf } from '../diagnostics/frame.ts'
import { readJournal } from '../journal/journal.ts'
import { runFolder, type RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import { prepareData, startTensorflow } from '../run/prepare.ts'
import type { StoryEvent } from '../run/story.ts'
import { untracked } from '../run/track.ts'
import type { Workspace } from '../run/workspace.ts'
import { openEngines } from './engines.ts'
import type { Standing } from './ended-trial.ts'
import { pointDigest } from './point-digest.ts'
import { runPoint } from './run-point.ts'
import { SlurmError, type Slurm } from './slurm.ts'
import { readJob, readPoint, writeRecord, type SlurmJob, type TaskRecord } from './slurm-job.ts'
import { knownTrials } from './trials.ts'

export interface TrialRequest {
  /** The job's folder, and the task's number in the array. */
  readonly job: string
  readonly index: number
  /** Of the array, for Slurm. */
  readonly jobId: string
  /** How often it was put back in line. */
  readonly restart: number
  readonly workspace: Workspace
  readonly listen: (event: StoryEvent) => void
  readonly signal: AbortSignal
  /** Whether it ends because its time is nearly up. */
  readonly isWarned: () => boolean
  readonly slurm: Slurm
}

/** Throws what `runPoint` throws, once that is written down, too. */
export async function runTrial(request: TrialRequest): Promise<Standing> {
  const { job: path, index, restart, isWarned } = request
  const job = await readJob(path)
  if (!job) throw new Fault([unknownTask(`there is no job in ${path}`)], 2)
  const sweep = runFolder(dirname(dirname(job.path)))
  const record = (said: TaskRecord): Promise<void> => writeRecord(job, index, restart, said)
  try {
    const digest = job.points[index]?.digest ?? ''
    const before = await epochsOf((await knownTrials(sweep)).get(digest)?.folder ?? null)
    const standing = await runTask(request, job, sweep, record)
    const { state, folder: run, reason } = standing
    if (state !== 'interrupted' || !isWarned()) {
      await record({ state, run: run?.id ?? null, reason })
      return standing
    }
    return await putBack(request, standing, (await epochsOf(run)) > before, record)
  } catch (error) {
    const reason = error instanceof Fault ? error.diagnostics.map(sentenceOf).join('; ') : String(error)
    await record({ state: request.signal.aborted ? 'interrupted' : 'failed', run: null, reason })
    throw error
  }
}

async function runTask(
  { index, workspace, listen, signal }: TrialRequest,
  job: SlurmJob,
  sweep: RunFolder,
  record: (said: TaskRecord) => Promise<void>,
): Promise<Standing> {
  const point = await readPoint(job, index, workspace)
  if (!point) throw new Fault([unknownTask(`the job in ${job.path} has no task ${index}`)], 2)
  const { located } = point.loaded
  if (pointDigest(located.experiment) !== point.digest)
    throw new Fault([unknownTask(`${point.loaded.name} means something else here than where it was submitted`)], 3)
  const preparation = { workspace, listen, signal }
  const engines = openEngines(() => startTensorflow(located.experiment, preparation))
  try {
    return await runPoint(point, {
      ...{ sweep, workspace, signal, engines, readsTest: job.readsTest, retriesFailed: job.retriesFailed, pruning: job.pruning },
      waitsForOthers: true,
      datasetOf: () => prepareData(located, located.sources, preparation),
      knownOf: async (digest) => (await knownTrials(sweep)).get(digest) ?? null,
      // A node may not reach the server: whoever watches reads the journal and tells MLflow.
      trackingOf: () => untracked,
      listen: (_, event) => listen(event),
      onBegun: (_, run) => record({ state: 'begun', run: run.id, reason: null }),
    })
  } finally {
    await engines.close()
  }
}

/** Its time is up before its work is done: the next task of this number goes on from the last epoch, as long as each brings one. */
async function putBack(
  { slurm, jobId, index }: TrialRequest,
  standing: Standing,
  hasAdvanced: boolean,
  record: (said: TaskRecord) => Promise<void>,
): Promise<Standing> {
  const run = standing.folder?.id ?? null
  if (!hasAdvanced) {
    const reason = 'its time was up before one epoch was done: raise sweep.launcher.slurm.timeLimit'
    await record({ state: 'interrupted', run, reason })
    return { ...standing, reason }
  }
  await record({ state: 'requeued', run, reason: null })
  try {
    await slurm.requeue(jobId, index)
  } catch (error) {
    if (!(error instanceof SlurmError)) throw error
    await record({ state: 'interrupted', run, reason: `its time was up, and it could not be put back in line: ${error.message}` })
  }
  return standing
}

async function epochsOf(run: RunFolder | null): Promise<number> {
  return run ? foldRun((await readJournal(run.journal)).events).committed.length : 0
}

function unknownTask(message: string): Diagnostic {
  return { code: 'trial-unknown', severity: 'error', message, hint: 'Run the sweep again: what is missing is submitted anew.' }
}
