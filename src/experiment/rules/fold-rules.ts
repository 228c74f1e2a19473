/** What the schema cannot say about folds: which of them is meant, and that there is one number of them. */
import type { Rule } from '../rule.ts'

const foldNumber: Rule = {
  id: 'split-fold',
  severity: 'error',
  check: ({ written: { split, sweep } }) => {
    const { by, folds, fold } = split
    if (by === undefined) return []
    if (folds === null)
      return fold === null
        ? []
        : [{ path: ['split', 'fold'], isKey: true, message: 'a fold of how many?', hint: 'Add folds beside it: folds: 5.' }]
    if (fold !== null && fold > folds)
      return [{ path: ['split', 'fold'], message: 'there is no such fold', expected: `1 to ${folds}`, received: String(fold) }]
    if (fold !== null || (sweep?.folds ?? null) !== null) return []
    const hint = `Write fold: 1 beside it, or train all of them: sweep: { folds: ${folds} }.`
    return [{ path: ['split', 'folds'], isKey: true, message: 'the split does not say which of its folds validates', hint }]
  },
}

const sweepFolds: Rule = {
  id: 'sweep-folds',
  severity: 'error',
  check: ({ written: { split, sweep } }) => {
    const folds = sweep?.folds ?? null
    const path = ['sweep', 'folds']
    if (folds === null) return []
    if (split.by === undefined)
      return [
        { path, message: 'folds are drawn, and this split is given', hint: 'Let runner split: split: { by: patient }; or take folds out.' },
      ]
    if (split.folds === null || split.folds === folds) return []
    const expected = `${split.folds}, as split.folds has`
    return [{ path, message: 'the number of folds is said twice', expected, received: String(folds), hint: 'Say it once.' }]
  },
}

export const foldRules: readonly Rule[] = [foldNumber, sweepFolds]
