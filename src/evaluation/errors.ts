/** Where a model is most certain, wrongly or rightly: what a pathologist wants to see first. */
import type { ManifestRow } from '../dataset/manifest.ts'
import { predictedClasses } from './decisions.ts'
import type { Judgement, Predictions } from './evaluate.ts'

export interface Call {
  readonly row: ManifestRow
  /** The class that was called, and its probability. */
  readonly called: number
  readonly probability: number
}

/** The most certain first; of equals in the order of their paths. */
export function mostCertainErrors(predictions: Predictions, judgement: Judgement, threshold: number | null, most: number): Call[] {
  return callsOf(predictions, judgement, threshold)
    .filter(({ row, called }) => called !== row.class)
    .slice(0, most)
}

/** Of each class equally many, as far as it has them: `most` at most in all, and at least one of each. */
export function mostCertainHits(predictions: Predictions, judgement: Judgement, threshold: number | null, most: number): Call[] {
  const hits = callsOf(predictions, judgement, threshold).filter(({ row, called }) => called === row.class)
  const ofEach = Math.max(1, Math.floor(most / judgement.classes.length))
  return judgement.classes.flatMap((_, index) => hits.filter(({ called }) => called === index).slice(0, ofEach))
}

function callsOf({ rows, probabilities }: Predictions, { classes, positive }: Judgement, threshold: number | null): Call[] {
  const decisions = predictedClasses(probabilities, classes.length, positive, threshold ?? 0.5)
  const calls = rows.map((row, index): Call => {
    const called = decisions[index] ?? 0
    return { row, called, probability: probabilities[index * classes.length + called] ?? 0 }
  })
  return calls.sort((a, b) => b.probability - a.probability || (a.row.path < b.row.path ? -1 : 1))
}
