/**
 * Trials as tasks of an array job on Slurm. They write their journals into a folder that all nodes see; this process reads them, tells
 * MLflow, and may be ended and started again: it finds the tasks that wait or run, and submits only what is missing.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import type { Written } from '../experiment/schema/experiment-schema.ts'
import { findOnPath } from '../setup/tools.ts'
import { settleKilledRuns } from '../run/settle.ts'
import type { Workspace } from '../run/workspace.ts'
import type { Standing, TrialState } from './ended-trial.ts'
import type { Launcher, MissingPoint, OpenSweep } from './launcher.ts'
import { hasEnded, openSlurm, SlurmError, type Slurm, type SlurmTask } from './slurm.ts'
import { createJob, logsFolder, readId, readJobs, readRecords, scriptFile, writeId, type SlurmJob, type TaskRecord } from './slurm-job.ts'
import type { SweepRequest } from './sweep-request.ts'
import { watchTrial, type WatchedTrial } from './watch-trial.ts'

type Settings = NonNullable<NonNullable<Written['sweep']>['launcher']['slurm']>

/** Between two looks at the files of running trials, in milliseconds. */
const lookMs = 500
/** Between two questions to Slurm: longer while nothing happens. */
const asking = { firstMs: 1_000, growth: 1.5, mostMs: 30_000 } as const
/** How long a task that has ended may still be unheard: a shared file system shows late what was written elsewhere. */
const graceMs = 20_000
/** How long before the end of its time a task is warned, in seconds, and never more than a quarter of it. */
const warningSeconds = 90

export function slurmLauncher(settings: Settings, parallel: number | null, { loaded, workspace }: SweepRequest): Launcher {
  const slurm = openSlurm(withoutMlflow(workspace))
  return {
    parallel,
    threads: loaded.located.experiment.runtime.threads ?? settings.cpus,
    prepare() {
      const absent = ['sbatch', 'squeue'].filter((program) => findOnPath(program, workspace.environment) === undefined)
      return absent.length === 0 ? Promise.resolve() : Promise.reject(new Fault([slurmMissing(absent)], 3))
    },
    async run(missing, sweep, onEnd) {
      const watched = await attach(missing, sweep, slurm)
      const rest = missing.filter((point) => !watched.some((task) => task.point === point))
      watched.push(...(await submit(rest, { settings, parallel, slurm }, sweep)))
      await watch(watched, sweep, slurm, onEnd)
    },
  }
}

/** A point's place in the queue. */
interface Task {
  readonly point: MissingPoint
  readonly job: SlurmJob
  readonly id: string
  readonly index: number
}

/** Tasks of earlier commands that wait or run. */
async function attach(missing: readonly MissingPoint[], { request, folder }: OpenSweep, slurm: Slurm): Promise<Task[]> {
  const jobs: { readonly job: SlurmJob; readonly id: string }[] = []
  for (const job of await readJobs(folder)) {
    const id = (await readId(job)) ?? (await orFault(slurm.find(job.name)))
    if (id !== null) jobs.push({ job, id })
  }
  const living = (await orFault(slurm.tasks(jobs.map(({ id }) => id)))).filter((task) => !hasEnded(task))
  return jobs.flatMap(({ job, id }) => {
    const tasks = living
      .filter((task) => task.job === id)
      .flatMap(({ index }): Task[] => {
        const point = missing.find(({ digest }) => digest === job.points[index]?.digest)
        return point ? [{ point, job, id, index }] : []
      })
    if (tasks.length > 0) request.listen({ type: 'slurm', what: 'attached', job: id, trials: tasks.length })
    return tasks
  })
}

interface Submitting {
  readonly settings: Settings
  readonly parallel: number | null
  readonly slurm: Slurm
}

/** One array, or as many as the cluster's largest makes of them, one after the other where only so many trials may run at a time. */
async function submit(missing: readonly MissingPoint[], submitting: Submitting, { request, folder, pruning }: OpenSweep): Promise<Task[]> {
  const { settings, parallel, slurm } = submitting
  const { listen, readsTest, retriesFailed, workspace } = request
  const largest = missing.length > 0 ? await slurm.largestArray() : 1
  const tasks: Task[] = []
  let before: string | null = null
  for (let first = 0; first < missing.length; first += largest) {
    const points = missing.slice(first, first + largest)
    const job = await createJob(folder, points, { readsTest, retriesFailed, pruning })
    const after: string[] = before !== null && parallel !== null ? [`--dependency=afterany:${before}`] : []
    const id: string = await orFault(
      slurm.submit({
        name: job.name,
        options: [...optionsOf(settings, job, points.length, parallel, workspace), ...after],
        script: scriptFile(job),
        arguments: [process.execPath, join(workspace.projectRoot, 'bootstrap/main.mjs'), job.path],
      }),
    )
    await writeId(job, id)
    listen({ type: 'slurm', what: 'submitted', job: id, trials: points.length })
    tasks.push(...points.map((point, index) => ({ point, job, id, index })))
    before = id
  }
  return tasks
}

function optionsOf(settings: Settings, job: SlurmJob, tasks: number, parallel: number | null, { projectRoot }: Workspace): string[] {
  const { partition, account, timeLimit, cpus, memory, gpus, options } = settings
  const given = { partition, account, time: timeLimit, mem: memory, gres: gpus > 0 ? `gpu:${gpus}` : null }
  const warning = timeLimit === null ? warningSeconds : Math.min(warningSeconds, timeLimit * 15)
  return [
    `--array=0-${tasks - 1}${parallel === null ? '' : `%${parallel}`}`,
    ...['--ntasks=1', `--cpus-per-task=${cpus}`, '--export=ALL', `--chdir=${projectRoot}`],
    ...[`--output=${join(logsFolder(job), '%A_%a.log')}`, '--open-mode=append'],
    // Not USR1, which libraries use among themselves.
    ...['--requeue', `--signal=B:USR2@${warning}`],
    ...Object.entries(given).flatMap(([name, value]) => (value === null ? [] : [`--${name}=${String(value)}`])),
    ...options,
  ]
}

/** A task that is looked after, and what Slurm last said of it: null for one that it does not know. */
interface Watched extends Task {
  readonly trial: WatchedTrial
  inQueue: SlurmTask | null
  /** When Slurm was first heard to have done with it, in milliseconds since 1970. */
  endedAt: number | null
}

async function watch(
  tasks: readonly Task[],
  sweep: OpenSweep,
  slurm: Slurm,
  onEnd: (point: MissingPoint, standing: Standing) => void,
): Promise<void> {
  const { listen, signal, workspace } = sweep.request
  const open = new Set(tasks.map((task): Watched => ({ ...task, trial: watchTrial(task.point, sweep), inQueue: null, endedAt: null })))
  const ending: Promise<void>[] = []
  const end = (task: Watched, outcome: Standing): void => {
    open.delete(task)
    ending.push(task.trial.finish(signal.aborted).then(() => onEnd(task.point, outcome)))
  }
  let pauseMs: number = asking.firstMs
  let askAt = Date.now() + asking.firstMs
  let isSilent = false
  while (open.size > 0 && !signal.aborted) {
    const hasMoved = await look([...open], end)
    if (hasMoved) askAt = Math.min(askAt, Date.now() + (pauseMs = asking.firstMs))
    if (open.size > 0 && Date.now() >= askAt) {
      const answer = await ask([...open], slurm, workspace)
      if (answer instanceof SlurmError && !isSilent) listen({ type: 'slurm-silent', message: answer.message })
      isSilent = answer instanceof SlurmError
      pauseMs = answer === true ? asking.firstMs : Math.min(asking.mostMs, pauseMs * asking.growth)
      askAt = Date.now() + pauseMs
      listen({ type: 'queue', ...queueOf([...open]) })
    }
    await delay(lookMs, undefined, { signal }).catch(() => undefined)
  }
  for (const job of new Set([...open].map(({ id }) => id)))
    listen({ type: 'slurm', what: 'left', job, trials: [...open].filter(({ id }) => id === job).length })
  for (const task of open)
    end(task, { ...(await task.trial.standing()), state: 'interrupted', reason: `goes on in Slurm as ${task.id}_${task.index}` })
  await Promise.all(ending)
  // Of trials that were killed, MLflow is told that they go on no more.
  if (!signal.aborted) await settleKilledRuns(workspace, listen)
}

/** Reads what running trials wrote, and ends those that are done. Resolves with whether there was anything new. */
async function look(open: readonly Watched[], end: (task: Watched, outcome: Standing) => void): Promise<boolean> {
  let hasMoved = false
  const records = new Map<SlurmJob, ReadonlyMap<number, TaskRecord>>()
  for (const task of open) {
    const all = records.get(task.job) ?? (await readRecords(task.job))
    records.set(task.job, all)
    const record = all.get(task.index) ?? null
    if (await task.trial.look(record)) hasMoved = true
    const outcome = await outcomeOf(task, record)
    if (!outcome) continue
    hasMoved = true
    end(task, outcome)
  }
  return hasMoved
}

/** Null while it goes on, or may. What it wrote decides; Slurm's state speaks only for one that was ended without a last word. */
async function outcomeOf(task: Watched, record: TaskRecord | null): Promise<Standing | null> {
  const { trial, inQueue, endedAt } = task
  const isOver = endedAt !== null && Date.now() - endedAt > graceMs
  const word = lastWord(record)
  if (word && word.state !== 'interrupted') {
    const now = await trial.standing()
    // Its journal may be seen later than its last word.
    if (word.state === 'failed' || isOver) return { ...now, state: 'failed', reason: word.reason }
    return now.state === 'finished' || now.state === 'pruned' ? { ...now, state: word.state } : null
  }
  if (endedAt === null) return null
  // Put back in line, it would not have ended.
  if (word) return { ...(await trial.standing()), state: 'interrupted', reason: word.reason ?? endOf(task) }
  // One that was cancelled while it waited has nothing to say.
  const isCancelled = inQueue === null || inQueue.state.startsWith('CANCELLED')
  if (!isOver && (record || !isCancelled)) return null
  const isFaulty = inQueue !== null && /^(FAILED|OUT_OF_MEMORY)/.test(inQueue.state)
  return { ...(await trial.standing()), state: isFaulty ? 'failed' : 'interrupted', reason: endOf(task) }
}

function lastWord(record: TaskRecord | null): { readonly state: TrialState; readonly reason: string | null } | null {
  if (!record || record.state === 'begun' || record.state === 'requeued') return null
  return { state: record.state, reason: record.reason }
}

function endOf({ inQueue, id, index, job }: Watched): string {
  const name = `${id}_${index}`
  if (!inQueue || inQueue.state.startsWith('CANCELLED')) return `its Slurm task ${name} was cancelled`
  const { state, reason } = inQueue
  const why = reason === 'None' || reason === '' ? state : `${state} (${reason})`
  return `Slurm ended its task ${name}: ${why}; its log is ${join(logsFolder(job), `${name}.log`)}`
}

/** Resolves with whether anything changed, or with why there was no answer: what was known then stays. */
async function ask(open: readonly Watched[], slurm: Slurm, { now }: Workspace): Promise<boolean | SlurmError> {
  const answer = await slurm.tasks([...new Set(open.map(({ id }) => id))]).catch((error: unknown) => {
    if (error instanceof SlurmError) return error
    throw error
  })
  if (answer instanceof SlurmError) return answer
  let hasChanged = false
  for (const task of open) {
    const found = answer.find(({ job, index }) => job === task.id && index === task.index) ?? null
    if (found?.state !== task.inQueue?.state) hasChanged = true
    task.inQueue = found
    // Put back in line, it has not ended after all.
    task.endedAt = found && !hasEnded(found) ? null : (task.endedAt ?? now())
  }
  return hasChanged
}

function queueOf(open: readonly Watched[]): { readonly waiting: number; readonly reasons: readonly string[] } {
  const waiting = open.flatMap(({ inQueue }) => (inQueue?.state === 'PENDING' ? [inQueue.reason] : []))
  return { waiting: waiting.length, reasons: [...new Set(waiting)] }
}

/** Tasks leave MLflow to the process that watches: they need neither its address nor its password. */
function withoutMlflow({ environment, home }: Workspace): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('MLFLOW_'))
  return { ...Object.fromEntries(kept), RUNNER_HOME: home }
}

function orFault<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    if (!(error instanceof SlurmError)) throw error
    const hint = 'What sweep.launcher.slurm says is handed to sbatch; sinfo shows the partitions and their state.'
    throw new Fault([{ code: 'slurm-refused', severity: 'error', message: error.message, hint }], 3)
  })
}

function slurmMissing(programs: readonly string[]): Diagnostic {
  return {
    code: 'slurm-missing',
    severity: 'error',
    message: `sweep.launcher is slurm, and there is no ${programs.join(' and no ')} on the PATH`,
    hint: 'Start it on a machine from which jobs are submitted, or train on this one: --set sweep.launcher=local',
  }
}
