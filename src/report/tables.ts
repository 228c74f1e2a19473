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
  const columns = ['test', 'validation'].flatMap((split) => [split, `${split}: 95 % from`, `${split}: to`])
  return { columns: ['metric', ...columns], data: rows }
}

/** With a positive class none; else each class against the rest. */
export function classesTable({ againstRest }: Evaluation): Table | null {
  if (!againstRest) return null
  const names = Object.keys(Object.values(againstRest)[0]?.metrics ?? {})
  const data = Object.entries(againstRest).map(([name, { metrics }]): Cell[] => [name, ...names.map((metric) => rounded(metrics[metric]))])
  return { columns: ['class', ...names], data }
}

/** Worst first. */
export function groupsTable(groups: readonly GroupScore[]): Table {
  return {
    columns: ['group', 'images', 'errors', 'missed positives', 'accuracy'],
    data: groups.map(({ group, images, errors, missed, accuracy }): Cell[] => [group, images, errors, missed, rounded(accuracy)]),
  }
}

function cells({ metrics, intervals }: Evaluation, name: string): Cell[] {
  return [metrics[name], intervals[name]?.low, intervals[name]?.high].map(rounded)
}

/** What is not defined is empty. */
function rounded(value: number | undefined): Cell {
  return value !== undefined && Number.isFinite(value) ? Number(value.toPrecision(6)) : null
}
