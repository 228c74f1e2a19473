/** A run's model as MLflow's own object: files, the numbers that were measured on it with the data they speak of, and a name in the registry. */
import { join } from 'node:path'
import { MlflowError, type LoggedModel, type MlflowClient, type Run } from 'mlflow-js-client'
import type { RunFolder } from '../journal/run-folder.ts'
import { runTag, type Projection } from './projection.ts'

type Model = NonNullable<Projection['model']>

interface Sending {
  readonly folder: RunFolder
  readonly projection: Projection
  readonly run: Run
  readonly client: MlflowClient
}

/**
 * Found again by the run's tag: telling it twice makes no second one. A server before MLflow 3 knows no such objects, and gets the files as the run's
 * artifacts. Rejects with `MlflowError`.
 */
export async function sendModel(model: Model, { folder, projection, run, client }: Sending): Promise<void> {
  const { run_id: runId, experiment_id: experimentId } = run.info
  const found = await client.models.search([experimentId], `tags.\`${runTag}\` = '${projection.run}'`).catch((error: unknown) => {
    if (error instanceof MlflowError && error.status === 404) return null
    throw error
  })
  if (!found) return client.logArtifact(run.info, join(folder.path, model.path), model.path)
  const [known] = found
  const logged =
    known ??
    (await client.models.create({
      experiment_id: experimentId,
      name: model.name,
      model_type: 'image classifier',
      source_run_id: runId,
      params: model.params,
      tags: [{ key: runTag, value: projection.run }, ...projection.tags.filter(({ key }) => describing.has(key))],
    }))
  if (logged.info.status !== ready) await fill(model, logged, { folder, projection, run, client })
  if (model.register) await register(model.register, logged, runId, client)
}

/** What is said of the run is said of its model, too. */
const describing: ReadonlySet<string> = new Set(['mlflow.note.content', 'synthetic', 'leakage'])

const ready = 'LOGGED_MODEL_READY'

/** Until it is finalized everything may be said again. */
async function fill({ path, epoch, metrics }: Model, { info }: LoggedModel, { folder, run, client }: Sending): Promise<void> {
  const runId = run.info.run_id
  const { outputs } = await client.getRun(runId)
  if (outputs?.model_outputs?.some(({ model_id }) => model_id === info.model_id) !== true)
    await client.models.logOutputs(runId, [{ model_id: info.model_id, step: epoch }])
  await client.logMetrics(
    runId,
    metrics.map((metric) => ({ ...metric, model_id: info.model_id })),
  )
  await client.logArtifact(info, join(folder.path, path), '')
  await client.models.finalize(info.model_id, ready)
}

/** One version for a model; the alias moves to it. */
async function register(
  { name, alias }: NonNullable<Model['register']>,
  { info }: LoggedModel,
  runId: string,
  client: MlflowClient,
): Promise<void> {
  await client.models.register(name).catch((error: unknown) => {
    if (!(error instanceof MlflowError && error.code === 'RESOURCE_ALREADY_EXISTS')) throw error
  })
  const versions = await client.models.versionsOfRun(runId)
  const version = versions.find((known) => known.name === name) ?? (await client.models.createVersion(name, info.model_id, runId))
  if (alias !== null) await client.models.setAlias(name, alias, version.version)
}
