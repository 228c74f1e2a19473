/** What MLflow is told of a run: a pure function of its journal, so that it can be told again at any time. */
import type { DatasetInput, Metric, Param, RunStatus, Tag } from 'mlflow-js-client'
import { limits } from 'mlflow-js-client'
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
  readonly end: { readonly status: RunStatus; readonly endTime: number } | null
}

export const runTag = 'runner.run'

const statuses = { finished: 'FINISHED', failed: 'FAILED', interrupted: 'KILLED' } as const

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
    tags: Object.entries(tags).map(([key, value]) => ({ key, value: shorten(value, limits.tagLength) })),
    params: [...new Map(params)].map(([key, value]) => ({ key, value: shorten(value, limits.paramLength) })),
    inputs: events.flatMap((event) => (event.type === 'dataset' ? [inputOf(event)] : [])),
    metrics: [
      ...state.committed.flatMap(({ epoch, at, metrics }) => points(metrics, at, epoch)),
      ...events.flatMap((event) => (event.type === 'evaluated' ? points(event.metrics, event.at, 0) : [])),
    ],
    artifacts: events.flatMap((event) => (event.type === 'artifact' ? [event.path] : [])),
    end: state.status === 'running' || state.endedAt === null ? null : { status: statuses[state.status], endTime: state.endedAt },
  }
}

/** Seven digits: what a float32 holds, and what tables can show. */
function points(metrics: Metrics, timestamp: number, step: number): Metric[] {
  return Object.entries(metrics).map(([key, value]) => ({ key, value: Number(value.toPrecision(7)), timestamp, step }))
}

function shorten(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`
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
      profile: JSON.stringify({ images, ...classCounts, groups }),
    },
  }
}
