/** MLflow's tracking API, typed. Identifiers stand last in every body: a mistyped field makes the server drop what follows it. */
import { copyFile, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Connection, MlflowError, type ConnectionOptions } from './connection.ts'
import { batches, checkMetric, checkTag, limits } from './limits.ts'
import type { CreateRun, DatasetInput, Experiment, FileInfo, Metric, Param, Run, RunInfo, Tag, UpdateRun } from './types.ts'

const api = '/api/2.0/mlflow'
const page = 25_000

export class MlflowClient {
  readonly #connection: Connection

  constructor(options: ConnectionOptions) {
    this.#connection = new Connection(options)
  }

  /** The server's address without credentials. */
  get uri(): string {
    return this.#connection.uri
  }

  /** Asks the store, not only the web server. Rejects where this is no MLflow. */
  async ping(): Promise<void> {
    await this.#get('/experiments/search', { max_results: '1' })
  }

  async version(): Promise<string> {
    return Buffer.from(await this.#connection.bytes('/version')).toString('utf8')
  }

  /** Deleted experiments are found too; null where there is none of that name. */
  async getExperimentByName(name: string): Promise<Experiment | null> {
    try {
      const { experiment } = (await this.#get('/experiments/get-by-name', { experiment_name: name })) as { experiment: Experiment }
      return experiment
    } catch (error) {
      if (error instanceof MlflowError && error.code === 'RESOURCE_DOES_NOT_EXIST') return null
      throw error
    }
  }

  async createExperiment(name: string, tags: readonly Tag[] = []): Promise<string> {
    const { experiment_id } = (await this.#post('/experiments/create', { name, tags })) as { experiment_id: string }
    return experiment_id
  }

  async setExperimentTag(experimentId: string, tag: Tag): Promise<void> {
    await this.#post('/experiments/set-experiment-tag', { ...tag, experiment_id: experimentId })
  }

  async restoreExperiment(experimentId: string): Promise<void> {
    await this.#post('/experiments/restore', { experiment_id: experimentId })
  }

  async createRun({ experiment_id, ...rest }: CreateRun): Promise<Run> {
    for (const tag of rest.tags) checkTag(tag, limits.tagLength)
    const { run } = (await this.#post('/runs/create', { ...rest, experiment_id })) as { run: Run }
    return run
  }

  async updateRun({ run_id, ...rest }: UpdateRun): Promise<RunInfo> {
    const { run_info } = (await this.#post('/runs/update', { ...rest, run_id })) as { run_info: RunInfo }
    return run_info
  }

  async getRun(runId: string): Promise<Run> {
    const { run } = (await this.#get('/runs/get', { run_id: runId })) as { run: Run }
    return run
  }

  /** Runs of one experiment that fit MLflow's filter language, the newest first. */
  async searchRuns(experimentId: string, filter: string, maxResults = 100): Promise<readonly Run[]> {
    const body = { filter, run_view_type: 'ACTIVE_ONLY', max_results: maxResults, experiment_ids: [experimentId] }
    const { runs } = (await this.#post('/runs/search', body)) as { runs?: readonly Run[] }
    return runs ?? []
  }

  /** Any number of them, in batches that every server takes. Points that are there already stay single. */
  async logMetrics(runId: string, metrics: readonly Metric[]): Promise<void> {
    for (const metric of metrics) checkMetric(metric)
    for (const batch of batches(metrics, limits.metricsPerBatch))
      await this.#post('/runs/log-batch', { metrics: batch.map(encodeMetric), run_id: runId })
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

  async logInputs(runId: string, datasets: readonly DatasetInput[]): Promise<void> {
    for (const { dataset } of datasets)
      if (dataset.digest.length > limits.digestLength) throw new RangeError(`a digest has at most ${limits.digestLength} characters`)
    await this.#post('/runs/log-inputs', { datasets, run_id: runId })
  }

  /** Every point of a metric, in order of writing. */
  async getMetricHistory(runId: string, key: string): Promise<readonly Metric[]> {
    const points: Metric[] = []
    let token: string | undefined
    do {
      const query = { run_id: runId, metric_key: key, max_results: String(page), ...(token === undefined ? {} : { page_token: token }) }
      const answer = (await this.#get('/metrics/get-history', query)) as { metrics?: readonly Metric[]; next_page_token?: string }
      points.push(...(answer.metrics ?? []))
      token = answer.next_page_token
    } while (token !== undefined && token !== '')
    return points.map((point) => ({ ...point, value: decodeValue(point.value) }))
  }

  async listArtifacts(runId: string, path = ''): Promise<readonly FileInfo[]> {
    const answer = (await this.#get('/artifacts/list', path === '' ? { run_id: runId } : { run_id: runId, path })) as {
      files?: readonly FileInfo[]
    }
    return answer.files ?? []
  }

  /** Puts a file or a folder with everything in it under the run's artifacts, at `path` (forward slashes). */
  async logArtifact(run: Pick<RunInfo, 'artifact_uri'>, local: string, path: string): Promise<void> {
    const found = await stat(local)
    if (found.isDirectory()) {
      for (const name of (await readdir(local)).sort()) await this.logArtifact(run, join(local, name), posix.join(path, name))
      return
    }
    const target = artifactTarget(run.artifact_uri, path)
    if (target.kind === 'file') {
      await mkdir(dirname(target.path), { recursive: true })
      await copyFile(local, target.path)
      return
    }
    await this.#connection.put(target.path, await readFile(local))
  }

  async downloadArtifact(run: Pick<RunInfo, 'artifact_uri'>, path: string): Promise<Uint8Array> {
    const target = artifactTarget(run.artifact_uri, path)
    return target.kind === 'file' ? readFile(target.path) : this.#connection.bytes(target.path)
  }

  #get(path: string, query: Readonly<Record<string, string>>): Promise<unknown> {
    return this.#connection.json('GET', `${api}${path}?${new URLSearchParams(query).toString()}`)
  }

  #post(path: string, body: unknown): Promise<unknown> {
    return this.#connection.json('POST', `${api}${path}`, body)
  }
}

/** JSON has no NaN; MLflow reads these words. */
function encodeMetric({ value, ...rest }: Metric): unknown {
  return { ...rest, value: Number.isFinite(value) ? value : String(value) }
}

/** NaN comes back as a text, whatever the type says. */
function decodeValue(value: number | string): number {
  return Number(value)
}

function artifactTarget(uri: string, path: string): { readonly kind: 'proxy' | 'file'; readonly path: string } {
  const url = new URL(uri)
  if (url.protocol === 'file:') return { kind: 'file', path: join(fileURLToPath(url), path) }
  if (url.protocol !== 'mlflow-artifacts:')
    throw new MlflowError(
      `artifacts at ${url.protocol}// are written by the server's own clients only; start it with --serve-artifacts`,
      0,
      '',
    )
  const parts = posix
    .join(decodeURIComponent(url.pathname), path)
    .split('/')
    .filter((part) => part !== '')
  return { kind: 'proxy', path: `/api/2.0/mlflow-artifacts/artifacts/${parts.map(encodeURIComponent).join('/')}` }
}
