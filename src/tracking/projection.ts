/** What MLflow is told of a run: a pure function of its journal, so that it can be told again at any time. */
import type { DatasetInput, Metric, Param, RunStatus, Tag } from 'mlflow-js-client'
import { limits, toKey } from 'mlflow-js-client'
import type { DatasetUsed, Metrics, Recorded } from '../journal/events.ts'
import { foldRun } from '../journal/run-state.ts'

export interface Projection {
  /** The tag `runner.run`, by which MLflow's run is found again. */
  readonly run: string
  readonly name: string
  readonly experiment: string
  readonly startTime: number
  readonly tags: readonly Tag[]
  readonly params: readonly Param[]
  readonly inputs: readonly DatasetInput[]
  readonly metrics: readonly Metric[]
  /** Paths in the run folder, finished. */
  readonly artifacts: readonly string[]
  readonly status: RunStatus
  /** Null while the run goes on. */
  readonly endTime: number | null
}

export const runTag = 'runner.run'

/** A run that was killed stays RUNNING: its journal has no end, and it may be resumed. */
const statuses = { running: 'RUNNING', finished: 'FINISHED', failed: 'FAILED', interrupted: 'KILLED' } as const

/** Null while the journal has no beginning. Only committed epochs are told; one-shot metrics stand at step 0, where MLflow draws bars. */
export function project(events: readonly Recorded[]): Projection | null {
  const state = foldRun(events)
  const { started } = state
  if (!started) return null
  const params = events.flatMap((event) => (event.type === 'parameters' ? Object.entries(event.values) : []))
  const tags: Record<string, string> = {
    ...started.tags,
    [runTag]: started.run,
    'mlflow.runName': started.name,
    'mlflow.source.type': 'LOCAL',
    'mlflow.source.name': 'runner',
  }
  for (const event of events) {
    if (event.type === 'engine-started') tags['runner.device'] = event.device
    if (event.type === 'described') tags['mlflow.note.content'] = event.note
  }
  if (state.reason !== null) tags['runner.reason'] = state.reason
  return {
    run: started.run,
    name: started.name,
    experiment: started.experiment,
    startTime: started.at,
    tags: pairs(Object.entries(tags), limits.tagLength),
    params: pairs(params, limits.paramLength),
    inputs: events.flatMap((event) => (event.type === 'dataset' ? [inputOf(event)] : [])),
    metrics: [
      ...state.committed.flatMap(({ epoch, at, metrics }) => points(metrics, at, epoch)),
      ...events.flatMap((event) => (event.type === 'evaluated' ? points(event.metrics, event.at, 0) : [])),
    ],
    artifacts: [...new Set(events.flatMap((event) => (event.type === 'artifact' ? [event.path] : [])))],
    status: statuses[state.status],
    endTime: state.endedAt,
  }
}

/** Keys that MLflow takes, once each, and values as long as it keeps: `resolved.yaml` has them whole. */
function pairs(entries: readonly (readonly [string, string])[], longest: number): Tag[] {
  const unique = new Map(entries.map(([key, value]) => [toKey(key), shorten(value, longest)]))
  return [...unique].map(([key, value]) => ({ key, value }))
}

/** Seven digits: what a float32 holds, and what tables can show. */
function points(metrics: Metrics, timestamp: number, step: number): Metric[] {
  return Object.entries(metrics).map(([key, value]) => ({ key: toKey(key), value: Number(value.toPrecision(7)), timestamp, step }))
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
      name: `${name}-${context}`,
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
