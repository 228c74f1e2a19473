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
  /** The logged model, and the dataset, that the metric speaks of. No NaN with a model: the server stores 0. */
  readonly model_id?: string
  readonly dataset_name?: string
  readonly dataset_digest?: string
}

export type RunStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED'

export interface Experiment {
  readonly experiment_id: string
  readonly name: string
  readonly lifecycle_stage: 'active' | 'deleted'
  readonly artifact_location: string
  readonly tags?: readonly Tag[]
}

export interface RunInfo {
  readonly run_id: string
  readonly run_name: string
  readonly experiment_id: string
  readonly status: RunStatus
  readonly start_time: number
  readonly end_time?: number
  readonly artifact_uri: string
  readonly lifecycle_stage: 'active' | 'deleted'
}

export interface Run {
  readonly info: RunInfo
  /** Metrics are the latest of each key: the greatest by step, time and value. */
  readonly data: { readonly metrics?: readonly Metric[]; readonly params?: readonly Param[]; readonly tags?: readonly Tag[] }
  readonly inputs?: { readonly dataset_inputs?: readonly DatasetInput[] }
  readonly outputs?: { readonly model_outputs?: readonly { readonly model_id: string; readonly step?: number }[] }
}

export interface DatasetInput {
  /** `mlflow.data.context`: training, validation or testing. */
  readonly tags: readonly Tag[]
  readonly dataset: {
    readonly name: string
    /** At most 36 characters; one for each context, because the second context of a known dataset is dropped. */
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

export interface SearchRuns {
  readonly experimentIds: readonly string[]
  /** In MLflow's filter language: ``tags.`mlflow.parentRunId` = '…'``. */
  readonly filter?: string
  /** ``metrics.`val/roc_auc` DESC``. Newest first without it. */
  readonly orderBy?: readonly string[]
  /** In all. Default 1000. */
  readonly maxResults?: number
}

export interface FileInfo {
  readonly path: string
  readonly is_dir: boolean
  readonly file_size?: number
}

export interface CreateLoggedModel {
  readonly experiment_id: string
  /** Without `/ : . % " '`. */
  readonly name: string
  readonly model_type?: string
  readonly source_run_id?: string
  readonly params?: readonly Param[]
  readonly tags?: readonly Tag[]
}

export interface LoggedModel {
  readonly info: {
    /** `m-` and 32 hexadecimal digits. */
    readonly model_id: string
    readonly name: string
    readonly experiment_id: string
    readonly artifact_uri: string
    readonly status: string
  }
  readonly data?: { readonly params?: readonly Param[]; readonly metrics?: readonly Metric[] }
}

export interface ModelVersion {
  readonly name: string
  readonly version: string
}
