/** Tells MLflow what it does not know of a run yet. Replaying is harmless: nothing is ever there twice. */
import { MlflowError, type MlflowClient, type Param, type Run, type RunStatus } from 'mlflow-js-client'
import { toKey } from 'mlflow-js-client'
import pLimit from 'p-limit'
import lockfile from 'proper-lockfile'
import type { Recorded } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { findOrCreateRun, findParent, findRun, removeDoubles } from './find-run.ts'
import { project, prunedTag, reasonTag, type Projection } from './projection.ts'
import { writeReceipt } from './receipt.ts'
import { filesOf } from './run-files.ts'
import { sendPicture } from './send-picture.ts'
import { sendModel } from './send-model.ts'

/** MLflow's store fails where two runs name the same new data set at once, as the trials of a sweep do. */
const oneAtATime = pLimit(1)

/** What has been sent in this process, so that a growing journal costs only what is new. */
export interface SyncMemory {
  run: Run | null
  metrics: number
  readonly artifacts: Set<string>
  readonly pictures: Set<string>
  areBasicsSent: boolean
  status: RunStatus | null
}

export function freshMemory(): SyncMemory {
  return { run: null, metrics: 0, artifacts: new Set(), pictures: new Set(), areBasicsSent: false, status: null }
}

export interface SyncReport {
  readonly experimentId: string
  readonly runId: string
  /** Points, and files or folders, that were sent now. */
  readonly metrics: number
  readonly artifacts: number
  /** Files that the journal names and the run folder no longer has. */
  readonly missing: readonly string[]
}

export interface SyncOptions {
  readonly memory?: SyncMemory
  /** Whether a process still writes the journal. Default true: a run without an end goes on. */
  readonly isAlive?: boolean
  /** Whether MLflow gets a run that it does not have. Default true. */
  readonly mayCreate?: boolean
}

/** On a run that has ended: how many events MLflow was told of. */
const toldTag = 'runner.told'

/** Null while there is nothing to tell. Rejects with `MlflowError`; what was sent by then stays sent. */
export async function syncRun(
  folder: RunFolder,
  events: readonly Recorded[],
  client: MlflowClient,
  { memory = freshMemory(), isAlive = true, mayCreate = true }: SyncOptions = {},
): Promise<SyncReport | null> {
  const projection = project(events, isAlive)
  if (!projection) return null
  try {
    const run = (memory.run ??= await (mayCreate ? alone(folder, () => findOrCreateRun(projection, client)) : findRun(projection, client)))
    return run && (await tell({ folder, projection, run, client, memory }, events.length))
  } catch (error) {
    // It was deleted meanwhile, or an answer was wrong: the next time begins by asking.
    if (error instanceof MlflowError && !error.isPassing) forget(memory)
    throw error
  }
}

interface Telling {
  readonly folder: RunFolder
  readonly projection: Projection
  readonly run: Run
  readonly client: MlflowClient
  readonly memory: SyncMemory
}

async function tell(telling: Telling, events: number): Promise<SyncReport> {
  const { folder, projection, run, client, memory } = telling
  const { run_id: runId, experiment_id: experimentId } = run.info
  const told = String(events)
  // What the run was when it was found, which holds until this process has told something itself.
  const isUntouched = memory.status === null
  if (isUntouched && tagOf(run, toldTag) === told && run.info.status === projection.status) {
    await writeReceipt(folder, { experimentId, runId, status: projection.status })
    return { experimentId, runId, metrics: 0, artifacts: 0, missing: [] }
  }
  await sendBasics(telling)
  const metrics = projection.metrics.slice(memory.metrics)
  await client.logMetrics(runId, metrics)
  memory.metrics = projection.metrics.length

  // A store that takes no files must not leave a run that has ended RUNNING for ever.
  const { sent, missing, refusal: refusedFiles } = await sendArtifacts(telling)
  const refusal = refusedFiles ?? (await sendModelAtTheEnd(telling, missing))
  await sendStatus(telling)
  if (refusal !== null) throw refusal
  if (projection.endTime !== null) {
    await removeDoubles(run, projection, client)
    if (missing.length === 0) await client.setTags(runId, [{ key: toldTag, value: told }])
  }
  return { experimentId, runId, metrics: metrics.length, artifacts: sent, missing }
}

/** Parameters, inputs and tags: at the beginning, and tags once more at the end, when the note is written. */
async function sendBasics({ projection, run, client, memory }: Telling): Promise<void> {
  const runId = run.info.run_id
  let changed: readonly Param[] = []
  if (!memory.areBasicsSent) {
    const known = new Map(((await client.getRun(runId)).data.params ?? []).map(({ key, value }) => [key, value]))
    // One that is there already is refused, even with the same value in one batch with others.
    const unknown = projection.params.filter(({ key }) => !known.has(key))
    changed = projection.params.filter(({ key, value }) => known.has(key) && known.get(key) !== value)
    await client.logParams(runId, unknown)
    if (projection.inputs.length > 0) await oneAtATime(() => client.logInputs(runId, projection.inputs))
  }
  if (!memory.areBasicsSent || projection.endTime !== null) {
    // The name was given when the run was made; who changed it in the UI keeps the change.
    const tags = projection.tags.filter(({ key }) => key !== 'mlflow.runName')
    // MLflow's parameters never change: a resumed run that trains longer says so in a tag.
    const changes = changed.map(({ key, value }) => ({ key: toKey(`runner.changed.${key}`), value }))
    const parent = await findParent(projection, run.info.experiment_id, client)
    const lineage = parent === null ? [] : [{ key: 'mlflow.parentRunId', value: parent }]
    await client.setTags(runId, [...tags, ...changes, ...lineage])
    for (const tag of [reasonTag, prunedTag]) await removePassing(tag, { projection, run, client })
  }
  memory.areBasicsSent = projection.params.length > 0 && projection.inputs.length > 0
}

/** A run that goes on, or that ended well after all, has no reason any more, and is not pruned. */
async function removePassing(tag: string, { projection, run, client }: Pick<Telling, 'projection' | 'run' | 'client'>): Promise<void> {
  if (tagOf(run, tag) === undefined || projection.tags.some(({ key }) => key === tag)) return
  await client.deleteTag(run.info.run_id, tag).catch((error: unknown) => {
    if (!(error instanceof MlflowError && error.code === 'RESOURCE_DOES_NOT_EXIST')) throw error
  })
}

interface SentArtifacts {
  readonly sent: number
  readonly missing: readonly string[]
  readonly refusal: Error | null
}

async function sendArtifacts({ folder, projection, run, client, memory }: Telling): Promise<SentArtifacts> {
  const missing: string[] = []
  let sent = 0
  try {
    for (const path of projection.artifacts) {
      if (memory.artifacts.has(path)) continue
      const files = await filesOf(folder, path)
      if (!files) missing.push(path)
      else {
        for (const file of files) await client.logArtifact(run.info, file.local, file.path)
        memory.artifacts.add(path)
        sent += 1
      }
    }
    for (const picture of projection.pictures) {
      if (memory.pictures.has(picture.name)) continue
      const [file] = (await filesOf(folder, picture.path)) ?? []
      if (!file) missing.push(picture.path)
      else await sendPicture(picture, file.local, run, client)
      memory.pictures.add(picture.name)
    }
    return { sent, missing, refusal: null }
  } catch (error) {
    return { sent, missing, refusal: error instanceof Error ? error : new Error(String(error)) }
  }
}

/** Null where there is none, or it is told; else why it was refused. */
async function sendModelAtTheEnd(telling: Telling, missing: readonly string[]): Promise<Error | null> {
  const { model, endTime } = telling.projection
  if (!model || endTime === null || missing.includes(model.path)) return null
  return sendModel(model, telling).then(
    () => null,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  )
}

async function sendStatus({ folder, projection: { status, endTime }, run, client, memory }: Telling): Promise<void> {
  const { run_id: runId, experiment_id: experimentId } = run.info
  // One that has ended may go on and end so again, later.
  const isLater = endTime !== null && endTime !== run.info.end_time
  if (status !== (memory.status ?? run.info.status) || isLater)
    await client.updateRun({ status, ...(endTime === null ? {} : { end_time: endTime }), run_id: runId })
  if (status !== memory.status) await writeReceipt(folder, { experimentId, runId, status })
  memory.status = status
}

/** Holds off another process that tells of the same run. Where no lock can be made, on a full or read-only disk, it goes on without. */
async function alone<T>(folder: RunFolder, work: () => Promise<T>): Promise<T> {
  const settings = { realpath: false, stale: 10_000, retries: { retries: 60, factor: 1, minTimeout: 500 }, onCompromised: () => undefined }
  const release = await lockfile.lock(folder.receipt, settings).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ELOCKED') throw new MlflowError('another process is telling MLflow of it', { status: 0 })
    return () => Promise.resolve()
  })
  try {
    return await work()
  } finally {
    await release().catch(() => undefined)
  }
}

function forget(memory: SyncMemory): void {
  memory.run = null
  memory.metrics = 0
  memory.artifacts.clear()
  memory.pictures.clear()
  memory.areBasicsSent = false
  memory.status = null
}

function tagOf(run: Run, key: string): string | undefined {
  return run.data.tags?.find((tag) => tag.key === key)?.value
}
