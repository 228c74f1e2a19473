/** What MLflow is told of a run: a pure function of its journal, so that it can be told again at any time. */
import type { DatasetInput, Metric, Param, RunStatus, Tag } from 'mlflow-js-client'
import { limits, toImageKey, toKey } from 'mlflow-js-client'
import type { DatasetUsed, EpochEnded, Metrics, ModelWritten, PictureDrawn, Recorded } from '../journal/events.ts'
import { foldRun, takeCommitted, type RunState } from '../journal/run-state.ts'
import { nameGiver } from './names.ts'

export interface Projection {
  /** The tag `runner.run`, by which MLflow's run is found again. */
  readonly run: string
  readonly name: string
  readonly experiment: string
  readonly startTime: number
  readonly tags: readonly Tag[]
  readonly params: readonly Param[]
  readonly inputs: readonly DatasetInput[]
  /** In the order of the journal: a longer journal only adds to them. */
  readonly metrics: readonly Metric[]
  /** Paths in the run folder, finished. */
  readonly artifacts: readonly string[]
  /** For MLflow's grid of images; each with the time at which it was drawn. */
  readonly pictures: readonly ProjectedPicture[]
  /** Null while there is none. */
  readonly model: ProjectedModel | null
  readonly status: RunStatus
  /** Null while the run goes on. */
  readonly endTime: number | null
}

export interface ProjectedPicture extends Pick<PictureDrawn, 'path' | 'name'> {
  /** The name as MLflow takes it, and no other picture's. */
  readonly key: string
  readonly timestamp: number
}

export interface ProjectedModel extends Pick<ModelWritten, 'path' | 'epoch' | 'register'> {
  readonly name: string
  readonly params: readonly Param[]
  /** Each with the data set that it was measured on. */
  readonly metrics: readonly Metric[]
}

export const runTag = 'runner.run'
/** The id of the sweep whose trial it is. */
export const sweepTag = 'runner.sweep'
/** Of a trial the name that all its seeds share. */
export const variantTag = 'runner.variant'
/** Why a run has no good end; gone again once it is resumed. */
export const reasonTag = 'runner.reason'

/** On a trial that its sweep stopped early; gone again once it is resumed. */
export const prunedTag = 'runner.pruned'

/** A pruned trial has no result, and FINISHED would put it among those that have. */
const statuses = { running: 'RUNNING', finished: 'FINISHED', failed: 'FAILED', interrupted: 'KILLED', pruned: 'KILLED' } as const

/** Null while the journal has no beginning. A run without an end whose process is gone was killed, and may be resumed. */
export function project(events: readonly Recorded[], isAlive = true): Projection | null {
  const state = foldRun(events)
  const { started } = state
  if (!started) return null
  const wasKilled = state.status === 'running' && !isAlive
  const params = events.flatMap((event) => (event.type === 'parameters' ? Object.entries(event.values) : []))
  const metrics = metricsOf(events)
  return {
    run: started.run,
    name: started.name,
    experiment: started.experiment,
    startTime: started.at,
    tags: pairs(Object.entries(tagsOf(started, events, state, wasKilled)), limits.tagLength),
    params: pairs(params, limits.paramLength),
    inputs: events.flatMap((event) => (event.type === 'dataset' ? [inputOf(event)] : [])),
    metrics,
    artifacts: [...new Set(events.flatMap((event) => (event.type === 'artifact' ? [event.path] : [])))],
    pictures: picturesOf(events),
    model: modelOf(started.name, events, metrics),
    status: wasKilled ? 'KILLED' : statuses[state.status],
    endTime: wasKilled ? (events.at(-1)?.at ?? started.at) : state.endedAt,
  }
}

function picturesOf(events: readonly Recorded[]): ProjectedPicture[] {
  const keyOf = nameGiver(toImageKey)
  return events.flatMap((event) =>
    event.type === 'picture' ? [{ path: event.path, name: event.name, key: keyOf(event.name), timestamp: event.at }] : [],
  )
}

function tagsOf(
  started: NonNullable<RunState['started']>,
  events: readonly Recorded[],
  { status, reason }: RunState,
  wasKilled: boolean,
): Record<string, string> {
  const tags: Record<string, string> = {
    ...started.tags,
    [runTag]: started.run,
    'mlflow.runName': started.name,
    'mlflow.source.type': 'LOCAL',
    'mlflow.source.name': 'runner',
  }
  for (const event of events) {
    if (event.type === 'engine-started') tags['runner.device'] = event.device
    if (event.type === 'engine-started' && event.accelerator) tags['runner.card'] = event.accelerator.card
    if (event.type === 'described') tags['mlflow.note.content'] = event.note
  }
  if (events.some(({ type }) => type === 'picture')) tags['mlflow.loggedImages'] = 'True'
  const tables = events.flatMap((event) => (event.type === 'table' ? [{ path: event.path, type: 'table' }] : []))
  if (tables.length > 0) tags['mlflow.loggedArtifacts'] = JSON.stringify(tables)
  if (status === 'pruned') tags[prunedTag] = 'true'
  const why = wasKilled ? 'killed; runner resume goes on' : reason
  return why === null ? tags : { ...tags, [reasonTag]: why }
}

/** Of one name the last value, as long as MLflow keeps it: `resolved.yaml` has them whole. */
function pairs(entries: readonly (readonly [string, string])[], longest: number): Tag[] {
  const nameOf = nameGiver(toKey)
  const unique = new Map(entries.map(([key, value]) => [nameOf(key), shorten(value, longest)]))
  return [...unique].map(([key, value]) => ({ key, value }))
}

/**
 * Epochs whose checkpoint is on disk, and one-shot metrics at step 0, where MLflow draws bars. What is said again with the same value, as a
 * resumed run may, is one point, with the time of the first.
 */
function metricsOf(events: readonly Recorded[]): Metric[] {
  const nameOf = nameGiver(toKey)
  const last = new Map<string, number>()
  const written = new Map<number, EpochEnded & { readonly at: number }>()
  const metrics: Metric[] = []
  const add = (values: Metrics, timestamp: number, step: number): void => {
    for (const [name, exact] of Object.entries(values)) {
      // Seven digits: what a float32 holds, and what tables can show.
      const value = Number(exact.toPrecision(7))
      const place = `${step} ${name}`
      if (last.has(place) && Object.is(last.get(place), value)) continue
      last.set(place, value)
      metrics.push({ key: nameOf(name), value, timestamp, step })
    }
  }
  for (const event of events) {
    if (event.type === 'epoch') written.set(event.epoch, event)
    if (event.type === 'committed') for (const { metrics: own, at, epoch } of takeCommitted(written, event)) add(own, at, epoch)
    if (event.type === 'evaluated') add(event.metrics, event.at, 0)
  }
  return metrics
}

/**
 * The one-shot metrics among the `told` ones once more, `test/` measured on the test images and `best/` on those of validation: the same points, since
 * MLflow counts a model's among its run's. Of the parameters as many as a model may have.
 */
function modelOf(name: string, events: readonly Recorded[], told: readonly Metric[]): ProjectedModel | null {
  const written = events.findLast((event) => event.type === 'model')
  if (!written) return null
  const inputs = events.flatMap((event) => (event.type === 'dataset' ? [{ context: event.context, ...inputOf(event).dataset }] : []))
  const metrics = told.flatMap((metric): Metric[] => {
    const { key, value, step } = metric
    const dataset = inputs.find(({ context }) => context === (key.startsWith('test/') ? 'testing' : 'validation'))
    // The server would store what is no number as 0.
    if (step !== 0 || !dataset || !Number.isFinite(value) || key === 'best/epoch') return []
    return [{ ...metric, dataset_name: dataset.name, dataset_digest: dataset.digest }]
  })
  const params = events.flatMap((event) => (event.type === 'parameters' ? Object.entries(event.values) : []))
  const { path, epoch, register } = written
  return {
    path,
    epoch,
    register,
    // What MLflow takes in a model's name.
    name: name.replace(/[/:.%"']/g, '_'),
    params: pairs(params, limits.paramLength).slice(0, limits.paramsPerBatch),
    metrics,
  }
}

function shorten(text: string, longest: number): string {
  // Half of a character would be refused.
  return text.length <= longest ? text : `${text.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

function inputOf({ context, name, digest, source, layout, classCounts, groups }: DatasetUsed): DatasetInput {
  const images = Object.values(classCounts).reduce((a, b) => a + b, 0)
  return {
    tags: [{ key: 'mlflow.data.context', value: context }],
    dataset: {
      name: `${shorten(name, limits.datasetNameLength - context.length - 1)}-${context}`,
      digest,
      source_type: 'local',
      source: JSON.stringify({ uri: source, layout }),
      schema: JSON.stringify({
        mlflow_colspec: [
          { name: 'image', type: 'binary', required: true },
          { name: 'label', type: 'string', required: true },
        ],
      }),
      // Shown to 80 characters: the counts first.
      profile: JSON.stringify({ images, ...classCounts, groups }),
    },
  }
}
