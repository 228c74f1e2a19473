/** MLflow's run of one of ours: found by its tag, or made, and never twice. */
import { MlflowError, type MlflowClient, type Run } from 'mlflow-js-client'
import { runTag, sweepTag, type Projection } from './projection.ts'

export async function findRun(projection: Projection, client: MlflowClient): Promise<Run | null> {
  const experiment = await client.getExperimentByName(projection.experiment)
  return experiment ? choose(await runsOf(experiment.experiment_id, projection, client)) : null
}

/** One caller at a time for each run: two would make two. */
export async function findOrCreateRun(projection: Projection, client: MlflowClient): Promise<Run> {
  const experimentId = await experimentOf(projection.experiment, client)
  const known = choose(await runsOf(experimentId, projection, client))
  if (known) return known
  const { name, startTime, tags } = projection
  const lost = await client.createRun({ experiment_id: experimentId, run_name: name, start_time: startTime, tags }).then(
    () => null,
    (error: unknown) => error,
  )
  if (lost instanceof MlflowError && lost.status >= 400 && !lost.isPassing) throw lost
  // The server may have made it before its answer was lost, or heard the request twice.
  const made = choose(await runsOf(experimentId, projection, client))
  if (!made) throw lost instanceof Error ? lost : new MlflowError(`${client.uri} made a run and does not know it`, { status: 0 })
  return made
}

/** MLflow's id of the sweep's own run, under which a trial is shown; null where it is no trial, or the sweep has not been told. */
export async function findParent({ tags }: Projection, experimentId: string, client: MlflowClient): Promise<string | null> {
  const sweep = tags.find(({ key }) => key === sweepTag)?.value
  if (sweep === undefined) return null
  const [parent] = await client.searchRuns({ experimentIds: [experimentId], filter: `tags.\`${runTag}\` = '${sweep}'` })
  return parent?.info.run_id ?? null
}

/** Removes what a request that came late, or twice, made beside the run: runs with its tag, and nothing in them. */
export async function removeDoubles(run: Run, projection: Projection, client: MlflowClient): Promise<void> {
  for (const other of await runsOf(run.info.experiment_id, projection, client))
    if (other.info.run_id !== run.info.run_id && contentOf(other) === 0) await client.deleteRun(other.info.run_id)
}

function runsOf(experimentId: string, { run }: Projection, client: MlflowClient): Promise<readonly Run[]> {
  return client.searchRuns({ experimentIds: [experimentId], filter: `tags.\`${runTag}\` = '${run}'` })
}

/** The one that knows most; of equals the same for everyone who asks. */
function choose(runs: readonly Run[]): Run | null {
  const [first] = [...runs].sort((a, b) => contentOf(b) - contentOf(a) || (a.info.run_id < b.info.run_id ? -1 : 1))
  return first ?? null
}

function contentOf({ data }: Run): number {
  return (data.metrics?.length ?? 0) + (data.params?.length ?? 0)
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
    // Another run made it in between, or the answer to our first request was lost.
    const other = error instanceof MlflowError && error.code === 'RESOURCE_ALREADY_EXISTS' ? await client.getExperimentByName(name) : null
    if (!other) throw error
    return other.experiment_id
  }
}
