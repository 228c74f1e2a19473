/** Tells MLflow what it does not know of a run yet. Replaying is harmless: nothing is ever there twice. */
import { join } from 'node:path'
import { MlflowError, type MlflowClient, type Run } from 'mlflow-js-client'
import type { Recorded } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { project, runTag, type Projection } from './projection.ts'

/** What has been sent in this process, so that a growing journal costs only what is new. */
export interface SyncMemory {
  run: Run | null
  metrics: number
  readonly artifacts: Set<string>
  areBasicsSent: boolean
  isEnded: boolean
}

export function freshMemory(): SyncMemory {
  return { run: null, metrics: 0, artifacts: new Set(), areBasicsSent: false, isEnded: false }
}

export interface SyncReport {
  readonly experimentId: string
  readonly runId: string
  readonly metrics: number
  readonly artifacts: number
}

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
  const isLate = memory.areBasicsSent
  if (!isLate) {
    await client.logParams(runId, await unknownParams(projection, run, client))
    if (projection.inputs.length > 0) await client.logInputs(runId, projection.inputs)
  }
  if (!isLate || projection.end) await client.setTags(runId, projection.tags)
  memory.areBasicsSent = projection.params.length > 0 && projection.inputs.length > 0

  const metrics = projection.metrics.slice(memory.metrics)
  await client.logMetrics(runId, metrics)
  memory.metrics = projection.metrics.length

  const artifacts = projection.artifacts.filter((path) => !memory.artifacts.has(path))
  for (const path of artifacts) {
    await client.logArtifact(run.info, join(folder.path, path), path)
    memory.artifacts.add(path)
  }
  if (projection.end && !memory.isEnded) {
    await client.updateRun({ run_id: runId, status: projection.end.status, end_time: projection.end.endTime })
    memory.isEnded = true
  }
  return { experimentId, runId, metrics: metrics.length, artifacts: artifacts.length }
}

async function findOrCreate(projection: Projection, client: MlflowClient): Promise<Run> {
  const experimentId = await experimentOf(projection.experiment, client)
  const [known] = await client.searchRuns(experimentId, `tags.\`${runTag}\` = '${projection.run}'`, 1)
  return (
    known ??
    client.createRun({
      experiment_id: experimentId,
      run_name: projection.name,
      start_time: projection.startTime,
      tags: projection.tags,
    })
  )
}

async function experimentOf(name: string, client: MlflowClient): Promise<string> {
  const known = await client.getExperimentByName(name)
  if (known?.lifecycle_stage === 'deleted')
    throw new MlflowError(
      `the experiment ${JSON.stringify(name)} was deleted in MLflow; restore it there (mlflow experiments restore -x ${known.experiment_id}), or choose another tracking.experiment`,
      400,
      'INVALID_STATE',
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
