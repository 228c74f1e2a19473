/**
 * An array job's folder in its sweep's: what each task is to do, written before the job is submitted, so that a file that is edited while
 * tasks wait changes none of them; what each task says of itself; and their logs.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { resolvedYaml } from '../experiment/resolved-yaml.ts'
import type { LoadedPoint } from '../experiment/load-experiment.ts'
import { loadChecked } from '../run/load.ts'
import type { Workspace } from '../run/workspace.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import type { TrialState } from './ended-trial.ts'
import type { PruningRule } from './judge-trial.ts'
import type { MissingPoint } from './launcher.ts'

export interface SlurmJob {
  readonly path: string
  /** Unique: by it Slurm is asked for a job whose id was never heard. */
  readonly name: string
  /** In the order of the array's tasks. */
  readonly points: readonly JobPoint[]
  readonly readsTest: boolean
  readonly retriesFailed: boolean
  readonly pruning: PruningRule | null
}

export type JobPoint = Omit<LoadedPoint, 'located'> & { readonly digest: string }

/** What a task says of itself. `begun` and `requeued` are not its last word. */
export interface TaskRecord {
  readonly state: TrialState | 'begun' | 'requeued'
  /** Its run's id, once there is one. */
  readonly run: string | null
  readonly reason: string | null
}

const jobFile = (path: string): string => join(path, 'job.json')
const idFile = (path: string): string => join(path, 'id')
const pointFile = (path: string, index: number): string => join(path, 'points', `${index}.yaml`)
const tasksFolder = (path: string): string => join(path, 'tasks')

export function logsFolder({ path }: SlurmJob): string {
  return join(path, 'logs')
}

/** What a task executes in place of the shell, so that Slurm's signals reach it. Its arguments: node, runner, the job's folder. */
export function scriptFile({ path }: SlurmJob): string {
  return join(path, 'task.sh')
}

const script = '#!/bin/sh\nexec "$1" "$2" trial "$3" "$SLURM_ARRAY_TASK_ID"\n'

export async function createJob(
  sweep: RunFolder,
  points: readonly MissingPoint[],
  options: Pick<SlurmJob, 'readsTest' | 'retriesFailed' | 'pruning'>,
): Promise<SlurmJob> {
  const number = (await readJobs(sweep)).length + 1
  const path = join(jobsFolder(sweep), String(number))
  const named = points.map(({ digest, loaded: { name, group, seed, fold, axes } }): JobPoint => ({ name, group, seed, fold, axes, digest }))
  const job: SlurmJob = { path, name: `runner-${sweep.id}-${number}`, points: named, ...options }
  for (const folder of [join(path, 'points'), tasksFolder(path), logsFolder(job)]) await mkdir(folder, { recursive: true })
  for (const [index, { loaded }] of points.entries())
    await writeFile(pointFile(path, index), resolvedYaml(loaded.located.experiment, join(path, 'points')))
  await writeFile(scriptFile(job), script)
  await writeFileAtomic(jobFile(path), `${JSON.stringify({ version: 1, name: job.name, points: named, ...options }, null, 2)}\n`)
  return job
}

/** All jobs of a sweep, oldest first. */
export async function readJobs(sweep: RunFolder): Promise<SlurmJob[]> {
  const names = await readdir(jobsFolder(sweep)).catch(() => [])
  const numbers = names.map(Number).sort((a, b) => a - b)
  const jobs: SlurmJob[] = []
  for (const number of numbers) {
    const job = await readJob(join(jobsFolder(sweep), String(number)))
    if (job) jobs.push(job)
  }
  return jobs
}

/** Null where the folder was never completed, and so nothing submitted. */
export async function readJob(path: string): Promise<SlurmJob | null> {
  const text = await readFile(jobFile(path), 'utf8').catch(() => null)
  return text === null ? null : { ...(JSON.parse(text) as SlurmJob), path }
}

function jobsFolder({ path }: RunFolder): string {
  return join(path, 'slurm')
}

/** Null where the answer to its submission was never heard. */
export async function readId({ path }: SlurmJob): Promise<string | null> {
  return readFile(idFile(path), 'utf8').then(
    (id) => id.trim(),
    () => null,
  )
}

export async function writeId({ path }: SlurmJob, id: string): Promise<void> {
  await writeFileAtomic(idFile(path), `${id}\n`)
}

/** Throws `Fault` where the values are none any more, as where a variable is unset on the node. */
export async function readPoint(job: SlurmJob, index: number, workspace: Workspace): Promise<MissingPoint | null> {
  const point = job.points[index]
  if (!point) return null
  const { located } = await loadChecked(pointFile(job.path, index), [], workspace)
  const { digest, ...names } = point
  return { loaded: { ...names, located }, digest }
}

/** A task that was requeued writes beside what it wrote before: whoever of its copies comes late says nothing for the newest. */
export async function writeRecord({ path }: SlurmJob, index: number, restart: number, record: TaskRecord): Promise<void> {
  await writeFileAtomic(join(tasksFolder(path), `${index}.${restart}.json`), `${JSON.stringify(record)}\n`)
}

/** Of every task that has said something, what its newest copy said last. */
export async function readRecords({ path }: SlurmJob): Promise<ReadonlyMap<number, TaskRecord>> {
  const newest = new Map<number, number>()
  for (const name of await readdir(tasksFolder(path)).catch(() => [])) {
    const [, index, restart] = /^(\d+)\.(\d+)\.json$/.exec(name) ?? []
    if (index !== undefined) newest.set(Number(index), Math.max(newest.get(Number(index)) ?? 0, Number(restart)))
  }
  const records = new Map<number, TaskRecord>()
  for (const [index, restart] of newest) {
    const text = await readFile(join(tasksFolder(path), `${index}.${restart}.json`), 'utf8').catch(() => null)
    if (text !== null) records.set(index, JSON.parse(text) as TaskRecord)
  }
  return records
}
