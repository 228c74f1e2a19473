/** Tables of a run in the form that MLflow shows and compares across runs (that of `mlflow.log_table`): `{ columns, data }`. */
import type { Evaluation, GroupScore, WeightsEvaluation } from '../evaluation/evaluate.ts'

export type Cell =
  | string
  | number
  | null
  /** Paths of PNGs in the run folder. */
  | { readonly type: 'image'; readonly filepath: string; readonly compressed_filepath: string }

export interface Table {
  /** The first one names the row, by which runs are compared. */
  readonly columns: readonly string[]
  readonly data: readonly (readonly Cell[])[]
}

/** At the operating point that the run is known by. */
export function metricsTable({ validation, test, chosen }: WeightsEvaluation): Table {
  const [onTest, onValidation] = [chosen?.test ?? test, chosen?.validation ?? validation]
  const rows = Object.keys(onTest.metrics).map((name): Cell[] => [name, ...cells(onTest, name), ...cells(onValidation, name)])
  const columns = ['test', 'validation'].flatMap((split) => [split, `${split}, 95 %`])
  return { columns: ['metric', ...columns], data: rows }
}

/** With a positive class none; else each class against the rest. */
export function classesTable({ againstRest }: Evaluation): Table | null {
  if (!againstRest) return null
  const names = Object.keys(Object.values(againstRest)[0]?.metrics ?? {})
  const data = Object.entries(againstRest).map(([name, { metrics }]): Cell[] => [name, ...names.map((metric) => rounded(metrics[metric]))])
  return { columns: ['class', ...names], data }
}

/** Worst first; without a positive class nothing is missed, and nothing a false alarm. */
export function groupsTable(groups: readonly GroupScore[]): Table {
  const isBinary = groups.every(({ missed }) => missed !== null)
  const columns = ['group', 'images', 'errors', ...(isBinary ? ['missed positives', 'false alarms'] : []), 'accuracy']
  const data = groups.map(({ group, images, errors, missed, accuracy }): Cell[] => [
    group,
    images,
    errors,
    ...(missed === null ? [] : [missed, errors - missed]),
    rounded(accuracy),
  ])
  return { columns, data }
}

function cells({ metrics, intervals }: Evaluation, name: string): Cell[] {
  const range = intervals[name]
  return [rounded(metrics[name]), range ? `${range.low.toFixed(3)} to ${range.high.toFixed(3)}` : null]
}

/** As a person reads it; `metrics.json` has every digit. What is not defined is empty. */
function rounded(value: number | undefined): Cell {
  return value !== undefined && Number.isFinite(value) ? Number(value.toFixed(4)) : null
}
