/** What MLflow's REST API (2.0) takes and gives, for the calls of this client. Times are milliseconds since 1970. */

export interface Tag {
  readonly key: string
  readonly value: string
}
export type Param = Tag

export interface Metric {
  readonly key: string
  /** May be NaN or infinite: the client writes what the server understands. */
  readonly value: number
  readonly timestamp: number
  readonly step: number
}

export type RunStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED'

export interface Experiment {
  readonly experiment_id: string
  readonly name: string
  readonly lifecycle_stage: 'active' | 'deleted'
  readonly artifact_location: string
}

export interface RunInfo {
  readonly run_id: string
  readonly run_name: string
  readonly experiment_id: string
  readonly status: RunStatus
  readonly start_time: number
  readonly end_time?: number
  readonly artifact_uri: string
}

export interface Run {
  readonly info: RunInfo
  readonly data: { readonly metrics?: readonly Metric[]; readonly params?: readonly Param[]; readonly tags?: readonly Tag[] }
}

export interface DatasetInput {
  readonly tags: readonly Tag[]
  readonly dataset: {
    readonly name: string
    /** At most 36 characters. */
    readonly digest: string
    readonly source_type: string
    /** JSON texts, as Python's client writes them. */
    readonly source: string
    readonly schema?: string
    readonly profile?: string
  }
}

export interface CreateRun {
  readonly experiment_id: string
  readonly run_name: string
  readonly start_time: number
  readonly tags: readonly Tag[]
}

export interface UpdateRun {
  readonly run_id: string
  readonly status?: RunStatus
  readonly end_time?: number
  readonly run_name?: string
}

export interface FileInfo {
  readonly path: string
  readonly is_dir: boolean
  readonly file_size?: number
}
