/** `predictions.csv`: what the model said of every image of validation and test. */
import { stringify } from 'csv-stringify/sync'
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
