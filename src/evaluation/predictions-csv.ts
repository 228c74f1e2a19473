/** `predictions.csv`: what the model said of every image of validation and test. */
import { parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import { splitNames, type SplitName } from '../dataset/manifest.ts'
import { predictedClasses } from './decisions.ts'
import type { Judgement, Predictions } from './evaluate.ts'

/** Columns: path, group, split, class, label, predicted, and p_<class> for each class. Predicted at .5, or the most probable class. */
export function writePredictions(parts: readonly Predictions[], { classes, positive }: Judgement): string {
  const records = parts.flatMap(({ rows, probabilities }) => {
    const called = predictedClasses(probabilities, classes.length, positive, 0.5)
    return rows.map((row, index) => [
      row.path,
      row.group,
      row.split,
      String(row.class),
      row.label,
      classes[called[index] ?? 0] ?? '',
      // Nine digits hold every float32.
      ...classes.map((_, column) => String(Number((probabilities[index * classes.length + column] ?? NaN).toPrecision(9)))),
    ])
  })
  return stringify(records, {
    header: true,
    columns: ['path', 'group', 'split', 'class', 'label', 'predicted', ...classes.map((name) => `p_${name}`)],
    record_delimiter: '\n',
  })
}

/** One line of `predictions.csv`. */
export interface PredictedRow {
  readonly path: string
  readonly group: string
  readonly split: SplitName
  /** Index into the classes. */
  readonly class: number
  /** One for each class, as float32. */
  readonly probabilities: Float32Array
}

/** What `writePredictions` wrote; null where the text is something else. `classes` in the experiment's order. */
export function readPredictions(text: string, classes: readonly string[]): readonly PredictedRow[] | null {
  let records: Readonly<Record<string, string>>[]
  try {
    records = parse(text, { columns: true, skip_empty_lines: true })
  } catch {
    return null
  }
  const rows = records.flatMap((record): PredictedRow[] => {
    const split = splitNames.find((name) => name === record['split'])
    const own = Number(record['class'])
    const probabilities = Float32Array.from(classes, (name) => Number(record[`p_${name}`] ?? NaN))
    if (split === undefined || classes[own] !== record['label'] || probabilities.some(Number.isNaN)) return []
    return [{ path: record['path'] ?? '', group: record['group'] ?? '', split, class: own, probabilities }]
  })
  return rows.length === records.length ? rows : null
}
