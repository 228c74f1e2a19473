/** Logged models (MLflow 3) and the registry. A model's files go through `MlflowClient.logArtifact` with the model's info. */
import type { Connection } from './connection.ts'
import { checkTag, limits } from './limits.ts'
import type { CreateLoggedModel, LoggedModel, ModelVersion, Tag } from './types.ts'
import { api, part, queryOf } from './wire.ts'

export class ModelCalls {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Not tried again by itself: the server would make a second one. */
  async create({ experiment_id, ...rest }: CreateLoggedModel): Promise<LoggedModel> {
    for (const param of rest.params ?? []) checkTag(param, limits.paramLength)
    for (const tag of rest.tags ?? []) checkTag(tag, limits.tagLength)
    const body = { ...rest, experiment_id }
    const answer = await this.#connection.json({ method: 'POST', path: `${api}/logged-models`, body, isRepeatable: false })
    return part(answer, 'model', this.#connection.uri) as LoggedModel
  }

  async get(modelId: string): Promise<LoggedModel> {
    const answer = await this.#connection.json({ method: 'GET', path: `${api}/logged-models/${encodeURIComponent(modelId)}` })
    return part(answer, 'model', this.#connection.uri) as LoggedModel
  }

  async search(experimentIds: readonly string[], filter = ''): Promise<readonly LoggedModel[]> {
    const answer = (await this.#post('/logged-models/search', { filter, max_results: 100, experiment_ids: experimentIds })) as {
      models?: readonly LoggedModel[]
    }
    return answer.models ?? []
  }

  /** Its files are all there. May be said again. */
  async finalize(modelId: string, status: 'LOGGED_MODEL_READY' | 'LOGGED_MODEL_UPLOAD_FAILED'): Promise<void> {
    const path = `${api}/logged-models/${encodeURIComponent(modelId)}`
    await this.#connection.json({ method: 'PATCH', path, body: { status, model_id: modelId } })
  }

  async setTags(modelId: string, tags: readonly Tag[]): Promise<void> {
    for (const tag of tags) checkTag(tag, limits.tagLength)
    const path = `${api}/logged-models/${encodeURIComponent(modelId)}/tags`
    await this.#connection.json({ method: 'PATCH', path, body: { tags, model_id: modelId } })
  }

  /** Names the models that a run made. The server refuses a pair that it knows: read `getRun` first when replaying. */
  async logOutputs(runId: string, models: readonly { readonly model_id: string; readonly step: number }[]): Promise<void> {
    await this.#post('/runs/outputs', { models, run_id: runId })
  }

  async register(name: string): Promise<void> {
    await this.#post('/registered-models/create', { name })
  }

  /** Not tried again by itself: the server would count a second version. */
  async createVersion(name: string, modelId: string, runId: string): Promise<ModelVersion> {
    const body = { name, source: `models:/${modelId}`, model_id: modelId, run_id: runId }
    const answer = await this.#connection.json({ method: 'POST', path: `${api}/model-versions/create`, body, isRepeatable: false })
    return part(answer, 'model_version', this.#connection.uri) as ModelVersion
  }

  /** Versions in the registry that were made from a run's models. */
  async versionsOfRun(runId: string): Promise<readonly ModelVersion[]> {
    const query = queryOf({ filter: `run_id='${runId}'`, max_results: '100' })
    const answer = (await this.#connection.json({ method: 'GET', path: `${api}/model-versions/search?${query}` })) as {
      model_versions?: readonly ModelVersion[]
    }
    return answer.model_versions ?? []
  }

  async setAlias(name: string, alias: string, version: string): Promise<void> {
    await this.#post('/registered-models/alias', { name, alias, version })
  }

  #post(path: string, body: unknown): Promise<object> {
    return this.#connection.json({ method: 'POST', path: `${api}${path}`, body })
  }
}
