/** What a sweep's table says of its variants: means and intervals over seeds, and over folds. */
import { expect, it } from 'vitest'
import { summariseVariants, type Scored } from '../../src/sweep/summary.ts'

function scored(variant: string, values: readonly (readonly (number | null)[])[], hasFolds: boolean): Scored[] {
  return values.flatMap((folds, seed) =>
    folds.map((value, index): Scored => {
      return {
        variant,
        point: `${variant} ${seed} ${index}`,
        fold: hasFolds ? index + 1 : null,
        state: value === null ? 'failed' : 'finished',
        value,
      }
    }),
  )
}

it('over seeds, by Student', () => {
  // scipy.stats.t.interval(.95, 2, loc=numpy.mean(x), scale=scipy.stats.sem(x)) of x = [.80, .84, .85]
  const [summary] = summariseVariants(scored('plain', [[0.8], [0.84], [0.85]], false), 'val/roc_auc')
  expect(summary).toMatchObject({ folds: null, planned: 3 })
  expect(summary?.mean).toBeCloseTo(0.83, 12)
  expect(summary?.interval?.low).toBeCloseTo(0.764275893923, 9)
  expect(summary?.interval?.high).toBeCloseTo(0.895724106077, 9)
})

it('over folds, each the mean of its seeds, wider than their spread alone would have it', () => {
  // The same of the folds' means x = [.81, .84, .90, .79], with scale=numpy.sqrt(numpy.var(x, ddof=1) * (1/4 + 1/3))
  const [summary] = summariseVariants(
    scored(
      'plain',
      [
        [0.8, 0.84, 0.9, 0.78],
        [0.82, 0.84, 0.9, 0.8],
      ],
      true,
    ),
    'val/roc_auc',
  )
  expect(summary).toMatchObject({ folds: { planned: 4, missing: 0 }, planned: 8 })
  expect(summary?.mean).toBeCloseTo(0.835, 12)
  expect(summary?.interval?.low).toBeCloseTo(0.718430911679, 9)
  expect(summary?.interval?.high).toBeCloseTo(0.951569088321, 9)
})

it('a variant of which a fold is missing has no mean, for it was judged on other patients; a seed of a fold may be', () => {
  const trials = [
    ...scored('whole', [[0.7, 0.8]], true),
    ...scored('half', [[0.9, null]], true),
    ...scored(
      'with a hole',
      [
        [0.6, null],
        [0.8, 0.9],
      ],
      true,
    ),
  ]
  const summaries = summariseVariants(trials, 'val/roc_auc')
  expect(summaries.map(({ name, mean }) => [name, mean])).toEqual([
    ['with a hole', expect.closeTo(0.8, 12)],
    ['whole', 0.75],
    ['half', null],
  ])
  expect(summaries[2]).toMatchObject({ folds: { planned: 2, missing: 1 }, interval: null })
})

it('points that are one experiment count once: their training is one', () => {
  const trials = scored('plain', [[0.8], [0.84]], false)
  expect(summariseVariants([...trials, ...trials], 'val/roc_auc')).toEqual(summariseVariants(trials, 'val/roc_auc'))
})
