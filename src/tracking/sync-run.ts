/** Tells MLflow what it does not know of a run yet. Replaying is harmless: nothing is ever there twice. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { MlflowError, type MlflowClient, type Run, type RunStatus } from 'mlflow-js-client'
import type { Recorded } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { project, runTag, type Projection } from './projection.ts'

/** What has been sent in this process, so that a growing journal costs only what is new. */
export interface SyncMemory {
  run: Run | null
  metrics: number
  readonly artifacts: Set<string>
  areBasicsSent: boolean
  status: RunStatus | null
}

export function freshMemory(): SyncMemory {
  return { run: null, metrics: 0, artifacts: new Set(), areBasicsSent: false, status: null }
}

export interface SyncReport {
  readonly experimentId: string
  readonly runId: string
  readonly metrics: number
  readonly artifacts: number
  /** Files that the journal names and the run folder no longer has. */
  readonly missing: readonly string[]
}

/** On a run that has ended: how many events MLflow was told of. */
const toldTag = 'runner.told'

/** Null while there is nothing to tell. Rejects with `MlflowError`; what was sent by then stays sent. */
export async function syncRun(
  folder: RunFolder,
  events: readonly Recorded[],
  client: MlflowClient,
  memory: SyncMemory = freshMemory(),
): Promise<SyncReport | null> {
  const projection = project(events)
  if (!projection) return null
  const run = (memory.run ??= await findOrCreate(projection, client))
  const { run_id: runId, experiment_id: experimentId } = run.info
  if (tagOf(run, toldTag) === String(events.length)) return { experimentId, runId, metrics: 0, artifacts: 0, missing: [] }

  await sendBasics(projection, run, client, memory)
  const metrics = projection.metrics.slice(memory.metrics)
  await client.logMetrics(runId, metrics)
  memory.metrics = projection.metrics.length

  const artifacts = projection.artifacts.filter((path) => !memory.artifacts.has(path))
  const missing = artifacts.filter((path) => !existsSync(join(folder.path, path)))
  // A store that takes no files must not leave a run that has ended RUNNING for ever.
  const refusal = await sendArtifacts(folder, artifacts, run, client, memory).catch((error: unknown) => ({ error }))
  await sendStatus(projection, run, client, memory)
  if (refusal) throw refusal.error
  if (projection.endTime !== null && missing.length === 0) await client.setTags(runId, [{ key: toldTag, value: String(events.length) }])
  return { experimentId, runId, metrics: metrics.length, artifacts: artifacts.length - missing.length, missing }
}

/** Parameters, inputs and tags: at the beginning, and tags once more at the end, when the note is written. */
async function sendBasics(projection: Projection, run: Run, client: MlflowClient, memory: SyncMemory): Promise<void> {
  const runId = run.info.run_id
  if (!memory.areBasicsSent) {
    await client.logParams(runId, await unknownParams(projection, run, client))
    if (projection.inputs.length > 0) await client.logInputs(runId, projection.inputs)
  }
  // The name was given when the run was made; who changed it in the UI keeps the change.
  const tags = projection.tags.filter(({ key }) => key !== 'mlflow.runName')
  if (!memory.areBasicsSent || projection.endTime !== null) await client.setTags(runId, tags)
  memory.areBasicsSent = projection.params.length > 0 && projection.inputs.length > 0
}

async function sendArtifacts(
  folder: RunFolder,
  paths: readonly string[],
  run: Run,
  client: MlflowClient,
  memory: SyncMemory,
): Promise<null> {
  for (const path of paths) {
    const local = join(folder.path, path)
    if (existsSync(local)) await client.logArtifact(run.info, local, path)
    memory.artifacts.add(path)
  }
  return null
}

async function sendStatus({ status, endTime }: Projection, run: Run, client: MlflowClient, memory: SyncMemory): Promise<void> {
  if (status === (memory.status ?? run.info.status)) return
  await client.updateRun({ run_id: run.info.run_id, status, ...(endTime === null ? {} : { end_time: endTime }) })
  memory.status = status
}

async function findOrCreate(projection: Projection, client: MlflowClient): Promise<Run> {
  const experimentId = await experimentOf(projection.experiment, client)
  const find = async (): Promise<Run | undefined> => {
    const filter = `tags.\`${runTag}\` = '${projection.run}'`
    return (await client.searchRuns({ experimentIds: [experimentId], filter, maxResults: 1 }))[0]
  }
  const known = await find()
  if (known) return known
  const { name, startTime, tags } = projection
  try {
    return await client.createRun({ experiment_id: experimentId, run_name: name, start_time: startTime, tags })
  } catch (error) {
    // The server may have made it before the answer was lost.
    const made = error instanceof MlflowError && error.isPassing ? await find() : undefined
    if (!made) throw error
    return made
  }
}

async function experimentOf(name: string, client: MlflowClient): Promise<string> {
  const known = await client.getExperimentByName(name)
  if (known?.lifecycle_stage === 'deleted')
    throw new MlflowError(
      `the experiment ${JSON.stringify(name)} was deleted in MLflow; restore it there (mlflow experiments restore -x ${known.experiment_id}), or choose another tracking.experiment`,
      { status: 400, code: 'INVALID_STATE' },
    )
  if (known) return known.experiment_id
  try {
    return await client.createExperiment(name, [{ key: 'mlflow.experimentKind', value: 'custom_model_development' }])
  } catch (error) {
    // Another run made it in between.
    const other = error instanceof MlflowError && error.code === 'RESOURCE_ALREADY_EXISTS' ? await client.getExperimentByName(name) : null
    if (!other) throw error
    return other.experiment_id
  }
}

/** A parameter that is there already is refused, even with the same value in one batch with others. */
async function unknownParams(projection: Projection, run: Run, client: MlflowClient): Promise<Projection['params']> {
  const known = new Set(((await client.getRun(run.info.run_id)).data.params ?? []).map(({ key }) => key))
  return projection.params.filter(({ key }) => !known.has(key))
}

function tagOf(run: Run, key: string): string | undefined {
  return run.data.tags?.find((tag) => tag.key === key)?.value
}
