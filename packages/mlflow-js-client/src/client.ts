/** MLflow's tracking API, typed. Identifiers stand last in every body: a mistyped field makes the server drop what follows it. */
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { placeOf, type HasArtifacts } from './artifacts.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { MlflowError } from './errors.ts'
import { batches, checkInput, checkInteger, checkMetric, checkTag, limits } from './limits.ts'
import { ModelCalls } from './models.ts'
import type { CreateRun, DatasetInput, Experiment, FileInfo, Metric, Param, Run, RunInfo, SearchRuns, Tag, UpdateRun } from './types.ts'
import { api, page, part, queryOf } from './wire.ts'

export class MlflowClient {
  /** Logged models, registered models and their versions. */
  readonly models: ModelCalls
  readonly #connection: Connection

  constructor(options: ConnectionOptions) {
    this.#connection = new Connection(options)
    this.models = new ModelCalls(this.#connection)
  }

  /** The server's address without credentials. */
  get uri(): string {
    return this.#connection.uri
  }

  /** Ends what is under way with an error. Not needed otherwise. */
  close(): void {
    this.#connection.close()
  }

  /** Asks the store, not only the web server. Rejects where this is no MLflow. */
  async ping(): Promise<void> {
    const answer = await this.#get('/experiments/search', { max_results: '1' })
    // A store whose experiments are all deleted answers {}.
    if (Object.keys(answer).length > 0) part(answer, 'experiments', this.uri)
  }

  async version(): Promise<string> {
    return Buffer.from(await this.#connection.bytes({ method: 'GET', path: '/version' })).toString('utf8')
  }

  /** Deleted experiments are found too; null where there is none of that name. */
  async getExperimentByName(name: string): Promise<Experiment | null> {
    try {
      return part(await this.#get('/experiments/get-by-name', { experiment_name: name }), 'experiment', this.uri) as Experiment
    } catch (error) {
      if (error instanceof MlflowError && error.code === 'RESOURCE_DOES_NOT_EXIST') return null
      throw error
    }
  }

  async searchExperiments(): Promise<readonly Experiment[]> {
    return this.#pages((token) => this.#get('/experiments/search', { max_results: '1000', ...token }), 'experiments')
  }

  async createExperiment(name: string, tags: readonly Tag[] = []): Promise<string> {
    if (name.length > limits.experimentNameLength)
      throw new RangeError(`an experiment's name has at most ${limits.experimentNameLength} characters`)
    for (const tag of tags) checkTag(tag, limits.experimentTagLength)
    return part(await this.#post('/experiments/create', { name, tags }), 'experiment_id', this.uri) as string
  }

  async setExperimentTag(experimentId: string, tag: Tag): Promise<void> {
    checkTag(tag, limits.experimentTagLength)
    await this.#post('/experiments/set-experiment-tag', { ...tag, experiment_id: experimentId })
  }

  async deleteExperiment(experimentId: string): Promise<void> {
    await this.#post('/experiments/delete', { experiment_id: experimentId })
  }

  async restoreExperiment(experimentId: string): Promise<void> {
    await this.#post('/experiments/restore', { experiment_id: experimentId })
  }

  /** Not tried again by itself, because the server may have made the run before the answer was lost: search it by a tag of your own first. */
  async createRun({ experiment_id, ...rest }: CreateRun): Promise<Run> {
    checkInteger('start_time', rest.start_time)
    for (const tag of rest.tags) checkTag(tag, limits.tagLength)
    const body = { ...rest, experiment_id }
    const answer = await this.#connection.json({ method: 'POST', path: `${api}/runs/create`, body, isRepeatable: false })
    return part(answer, 'run', this.uri) as Run
  }

  async updateRun({ run_id, ...rest }: UpdateRun): Promise<RunInfo> {
    checkInteger('end_time', rest.end_time)
    return part(await this.#post('/runs/update', { ...rest, run_id }), 'run_info', this.uri) as RunInfo
  }

  async getRun(runId: string): Promise<Run> {
    return part(await this.#get('/runs/get', { run_id: runId }), 'run', this.uri) as Run
  }

  async deleteRun(runId: string): Promise<void> {
    await this.#post('/runs/delete', { run_id: runId })
  }

  async restoreRun(runId: string): Promise<void> {
    await this.#post('/runs/restore', { run_id: runId })
  }

  async searchRuns({ experimentIds, filter = '', orderBy = [], maxResults = 1000 }: SearchRuns): Promise<readonly Run[]> {
    const body = { filter, run_view_type: 'ACTIVE_ONLY', max_results: Math.min(maxResults, 1000), order_by: orderBy }
    const runs = await this.#pages<Run>(
      (token) => this.#post('/runs/search', { ...body, ...token, experiment_ids: experimentIds }),
      'runs',
      maxResults,
    )
    return runs.slice(0, maxResults)
  }

  /** Any number of them, in batches that every server takes. Points that are there already stay single. */
  async logMetrics(runId: string, metrics: readonly Metric[]): Promise<void> {
    for (const metric of metrics) checkMetric(metric)
    for (const batch of batches(metrics.map(encodeMetric), limits.metricsPerBatch))
      await this.#post('/runs/log-batch', { metrics: batch, run_id: runId })
  }

  /** A parameter never changes: another value for a known key is refused by the server. */
  async logParams(runId: string, params: readonly Param[]): Promise<void> {
    for (const param of params) checkTag(param, limits.paramLength)
    for (const batch of batches(params, limits.paramsPerBatch)) await this.#post('/runs/log-batch', { params: batch, run_id: runId })
  }

  async setTags(runId: string, tags: readonly Tag[]): Promise<void> {
    for (const tag of tags) checkTag(tag, limits.tagLength)
    for (const batch of batches(tags, limits.tagsPerBatch)) await this.#post('/runs/log-batch', { tags: batch, run_id: runId })
  }

  async deleteTag(runId: string, key: string): Promise<void> {
    await this.#post('/runs/delete-tag', { key, run_id: runId })
  }

  async logInputs(runId: string, datasets: readonly DatasetInput[]): Promise<void> {
    for (const input of datasets) checkInput(input)
    await this.#post('/runs/log-inputs', { datasets, run_id: runId })
  }

  /** Every point of a metric, in order of writing. */
  async getMetricHistory(runId: string, key: string): Promise<readonly Metric[]> {
    const query = { run_id: runId, metric_key: key, max_results: String(page) }
    const points = await this.#pages<WireMetric>((token) => this.#get('/metrics/get-history', { ...query, ...token }), 'metrics')
    return points.map((point) => ({ ...point, value: Number(point.value) }))
  }

  /** Files and folders at `path`, whose paths are relative to the run's artifacts. */
  async listArtifacts(runId: string, path = ''): Promise<readonly FileInfo[]> {
    const query = { run_id: runId, ...(path === '' ? {} : { path }) }
    return this.#pages((token) => this.#get('/artifacts/list', { ...query, ...token }), 'files')
  }

  /** Puts a file, or a folder with everything in it, under the artifacts of a run or a model, at `path` (forward slashes). */
  async logArtifact(owner: HasArtifacts, local: string, path: string): Promise<void> {
    if ((await stat(local)).isDirectory()) {
      for (const name of (await readdir(local)).sort()) await this.logArtifact(owner, join(local, name), posix.join(path, name))
      return
    }
    const place = placeOf(owner, path)
    if (place.kind === 'proxy') await this.#connection.put(place.path, local)
    else {
      await mkdir(dirname(place.path), { recursive: true })
      await copyFile(local, place.path)
    }
  }

  async readArtifact(owner: HasArtifacts, path: string): Promise<Uint8Array> {
    const place = placeOf(owner, path)
    return place.kind === 'folder' ? readFile(place.path) : this.#connection.bytes({ method: 'GET', path: place.path })
  }

  /** Writes everything at `path` of a run's artifacts, "" for all, into a folder; returns the paths in it. */
  async downloadArtifacts(run: RunInfo, path: string, folder: string): Promise<readonly string[]> {
    const written: string[] = []
    for (const file of await this.listArtifacts(run.run_id, path)) {
      if (file.is_dir) written.push(...(await this.downloadArtifacts(run, file.path, folder)))
      else {
        const target = join(folder, file.path)
        await mkdir(dirname(target), { recursive: true })
        await writeFile(target, await this.readArtifact(run, file.path))
        written.push(file.path)
      }
    }
    return written
  }

  #get(path: string, query: Readonly<Record<string, string>>): Promise<object> {
    return this.#connection.json({ method: 'GET', path: `${api}${path}?${queryOf(query)}` })
  }

  #post(path: string, body: unknown): Promise<object> {
    return this.#connection.json({ method: 'POST', path: `${api}${path}`, body })
  }

  /** Follows `next_page_token`. A list that is empty is absent from MLflow's answers. */
  async #pages<T>(ask: (token: Record<string, string>) => Promise<object>, name: string, enough = Infinity): Promise<readonly T[]> {
    const items: T[] = []
    let token: string | undefined
    do {
      const answer = (await ask(token === undefined ? {} : { page_token: token })) as Record<string, unknown>
      items.push(...((answer[name] ?? []) as readonly T[]))
      token = answer['next_page_token'] as string | undefined
    } while (token !== undefined && token !== '' && items.length < enough)
    return items
  }
}

/** JSON has no NaN: MLflow writes and reads it as a word. */
interface WireMetric extends Omit<Metric, 'value'> {
  readonly value: number | string
}

function encodeMetric({ value, ...rest }: Metric): WireMetric {
  return { ...rest, value: Number.isFinite(value) ? value : String(value) }
}
