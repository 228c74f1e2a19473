/** Our statistics against SciPy's, statsmodels' and scikit-learn's, recorded by make_fixtures.py. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { clusteredDeLong } from '../../src/statistics/clustered-delong.ts'
import { balancedAccuracy } from '../../src/statistics/confusion.ts'
import { groupedAuc, groupedConfusion } from '../../src/statistics/grouped.ts'
import { holm } from '../../src/statistics/holm.ts'
import { mcnemar } from '../../src/statistics/mcnemar.ts'
import { mean, variance } from '../../src/statistics/moments.ts'
import { permutationTest } from '../../src/statistics/permutation-test.ts'
import { resampleVariant, uncertaintyOfDifference } from '../../src/statistics/resampled-groups.ts'
import { addComponents, intervalOf, smallestDetectable, testOfZero } from '../../src/statistics/variance-components.ts'

interface Case {
  readonly name: string
  readonly patients: number
  readonly group: readonly number[]
  readonly labels: readonly number[]
  readonly first: readonly number[]
  readonly second: readonly number[]
  readonly weights: readonly number[]
  readonly weightedAuc: number
  readonly mcnemar: number
  readonly delong: { readonly difference: number; readonly standardError: number; readonly p: number }
  readonly permutation?: number
  readonly bootstrap?: number
}

interface Reference {
  readonly holm: readonly { readonly values: readonly number[]; readonly adjusted: readonly number[] }[]
  readonly welch: readonly {
    readonly a: readonly number[]
    readonly b: readonly number[]
    readonly p: number
    readonly df: number
    readonly low: number
    readonly high: number
  }[]
  readonly detectable: readonly { readonly df: number; readonly alpha: number; readonly power: number; readonly effect: number }[]
  readonly cases: readonly Case[]
}

const reference = JSON.parse(readFileSync(new URL('reference.json', import.meta.url), 'utf8')) as Reference

it.each(reference.holm)('Holm: $values', ({ values, adjusted }) => {
  for (const [index, value] of holm(values).entries()) expect(value).toBeCloseTo(adjusted[index] ?? NaN, 12)
})

it.each(reference.welch)('two groups of seeds without patients are Welch’s t-test', ({ a, b, p, df, low, high }) => {
  const uncertainty = addComponents(
    [a, b].map((values) => ({ variance: variance(values) / values.length, degreesOfFreedom: values.length - 1 })),
  )
  const difference = mean(a) - mean(b)
  expect(uncertainty.degreesOfFreedom).toBeCloseTo(df, 9)
  expect(testOfZero(difference, uncertainty)).toBeCloseTo(p, 10)
  const interval = intervalOf(difference, uncertainty, 0.95)
  expect(interval.low).toBeCloseTo(low, 10)
  expect(interval.high).toBeCloseTo(high, 10)
})

it.each(reference.detectable)('the smallest detectable difference at $df degrees of freedom', ({ df, alpha, power, effect }) => {
  expect(smallestDetectable({ standardError: 1, degreesOfFreedom: df }, alpha, power)).toBeCloseTo(effect, 9)
})

describe.each(reference.cases)('$name', ({ patients, group, labels, first, second, weights, ...expected }) => {
  const isPositive = labels.map((label) => label === 1)
  const rights = [first, second].map((scores) => scores.map((score, image) => score >= 0.7 === isPositive[image]))
  const [firstRight = [], secondRight = []] = rights

  it('the area with patients counted several times is scikit-learn’s with weights', () => {
    expect(groupedAuc(first, isPositive, group)(weights)).toBeCloseTo(expected.weightedAuc, 12)
  })

  it('DeLong for clusters is Obuchowski’s, pair by pair', () => {
    const ours = clusteredDeLong(first, second, { isPositive, groupOf: group, groups: patients })
    expect(ours.difference).toBeCloseTo(expected.delong.difference, 12)
    expect(ours.standardError).toBeCloseTo(expected.delong.standardError, 12)
    expect(ours.p).toBeCloseTo(expected.delong.p, 10)
  })

  it('McNemar is the exact one', () => {
    expect(mcnemar(firstRight, secondRight).p).toBeCloseTo(expected.mcnemar, 10)
  })
})

it.each(reference.cases.filter(({ permutation }) => permutation !== undefined))(
  'exchanging whole patients in every way gives SciPy’s p: $name',
  ({ patients, group, labels, first, second, permutation }) => {
    // Of groups [first's patients, second's patients]: the images that are right.
    const hits = new Float64Array(2 * patients)
    for (const [image, patient] of group.entries())
      for (const [place, scores] of [
        [patient, first],
        [patients + patient, second],
      ] as const)
        if ((scores[image] ?? NaN) >= 0.7 === (labels[image] === 1)) hits[place] = (hits[place] ?? 0) + 1
    const count = (chosen: ArrayLike<number>): number => hits.reduce((sum, own, index) => sum + own * (chosen[index] ?? 0), 0)
    const test = permutationTest(count, patients, { seed: 1, permutations: 2000 })
    expect(test).toMatchObject({ isExact: true })
    expect(test.p).toBeCloseTo(permutation ?? NaN, 12)
  },
)

it.each(reference.cases.filter(({ bootstrap }) => bootstrap !== undefined))(
  'the error of a difference over patients is SciPy’s bootstrap’s, but for chance: $name',
  ({ patients, group, labels, first, second, bootstrap }) => {
    const isPositive = labels.map((label) => label === 1)
    const drawing = { patients, seed: 5, resamples: 4000 }
    const resample = (scores: readonly number[]) => resampleVariant([groupedAuc(scores, isPositive, group)], 'one', drawing)
    const { standardError } = uncertaintyOfDifference(resample(first), resample(second), patients)
    // SciPy draws n of n patients, we n - 1.
    expect(standardError / ((bootstrap ?? NaN) * Math.sqrt(patients / (patients - 1)))).toBeCloseTo(1, 1)
  },
)

it('the matrix of a resample is the matrix of its images', () => {
  const matrix = groupedConfusion([0, 1, 1, 0], [0, 1, 0, 1], [0, 0, 1, 2], { groups: 3, classes: 2 })
  expect(matrix([1, 2, 0])).toEqual([
    [1, 0],
    [2, 1],
  ])
  expect(balancedAccuracy(matrix([1, 2, 0]))).toBeCloseTo((1 + 1 / 3) / 2)
})
