/** Where a model is wrong and most certain of it: what a pathologist wants to see first. */
import type { ManifestRow } from '../dataset/manifest.ts'
import { predictedClasses } from './decisions.ts'
import type { Judgement, Predictions } from './evaluate.ts'

export interface CertainError {
  readonly row: ManifestRow
  /** The class that was called, and its probability. */
  readonly called: number
  readonly probability: number
}

/** The most certain first; of equals in the order of their paths. */
export function mostCertainErrors(
  { rows, probabilities }: Predictions,
  { classes, positive }: Judgement,
  threshold: number | null,
  most: number,
): CertainError[] {
  const decisions = predictedClasses(probabilities, classes.length, positive, threshold ?? 0.5)
  const wrong = rows.flatMap((row, index): CertainError[] => {
    const called = decisions[index] ?? 0
    return called === row.class ? [] : [{ row, called, probability: probabilities[index * classes.length + called] ?? 0 }]
  })
  return wrong.sort((a, b) => b.probability - a.probability || (a.row.path < b.row.path ? -1 : 1)).slice(0, most)
}
