/** What a comparison claims, against what is true of simulated runs. The long form is `npm run null-comparison`. */
import { describe, expect, it } from 'vitest'
import { compareGroups, type Comparison } from '../../src/evaluation/compare.ts'
import { answersOf, meanMetrics } from '../../src/evaluation/compared-metric.ts'
import { evaluateAt } from '../../src/evaluation/evaluate.ts'
import { keyOf, uniforms } from '../../src/random/philox.ts'
import { simulateFamily, type FamilyPlan } from './simulated-families.ts'

function compare(plan: FamilyPlan, number: number): Comparison {
  return compareGroups({ ...simulateFamily(plan, number), metric: 'balanced_accuracy', reference: null, units: 'patients' })
}

const numbers = Array.from({ length: 9 }, (_, number) => number)

it('one variant with other seeds is hardly ever called a difference', () => {
  const claims = numbers.filter((number) =>
    compare({ separations: [1.6, 1.6], seeds: 5, patients: 20 }, number).pairs.some(({ verdict }) => verdict.better !== null),
  )
  expect(claims.length).toBeLessThanOrEqual(1)
})

it('a true difference is found, the right way round, and said in words', () => {
  for (const number of numbers.slice(0, 4)) {
    const { pairs } = compare({ separations: [1.6, 2.8], seeds: 5, patients: 20 }, number)
    expect(pairs[0]).toMatchObject({ kind: 'variants', verdict: { better: 'variant 2' } })
    expect(pairs[0]?.verdict.sentence).toMatch(
      /^variant 2 is better than variant 1: \+0\.\d{3} balanced_accuracy \(95 % \+.* to \+.*\), p < 0\.001; over 5 seeds each$/,
    )
  }
})

it('less than five seeds claim nothing of variants, whatever they measure', () => {
  const { pairs } = compare({ separations: [1, 5], seeds: 4, patients: 20 }, 1)
  expect(pairs[0]?.p).toBeLessThan(0.001)
  expect(pairs[0]?.verdict.better).toBeNull()
  expect(pairs[0]?.verdict.sentence).toMatch(
    /^nothing is claimed: 4 seeds each, and a claim about variants needs 5 or more of each; measured −0\.\d{3} balanced_accuracy$/,
  )
})

it('two single runs are two models: patients are exchanged, and the claim says that seeds may turn it round', () => {
  const [pair] = compare({ separations: [1.2, 4], seeds: 1, patients: 12 }, 2).pairs
  expect(pair).toMatchObject({ kind: 'models', permutation: { isExact: false }, verdict: { better: 'variant 2' } })
  expect(pair?.verdict.sentence).toContain('these two models, for with other seeds it may be otherwise')
  expect(pair?.mcnemar?.p).toBeLessThan(0.01)
  expect(pair?.delong?.p).toBeLessThan(0.01)
})

it('five patients can support no claim about two models, and one patient none about anything', () => {
  const five = compare({ separations: [1, 5], seeds: 1, patients: 5 }, 3)
  expect(five.pairs[0]?.verdict.sentence).toContain('nothing is claimed: with 5 patients no p below 0.063 exists; measured −0.')
  const one = compare({ separations: [1, 5], seeds: 5, patients: 1 }, 3)
  expect(one.pairs[0]?.verdict.sentence).toContain('all images are of one and the same, and nothing is known of other patients')
})

it('of many equals the best one looks better than it is, and the correction takes that off', () => {
  const leads = numbers.map((number) => {
    const { best, groups } = compare({ separations: [1.6, 1.6, 1.6, 1.6], seeds: 2, patients: 20 }, number)
    const typical = groups.reduce((sum, { mean }) => sum + mean, 0) / groups.length
    return { seen: (best?.value ?? NaN) - typical, corrected: (best?.corrected ?? NaN) - typical }
  })
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  expect(mean(leads.map(({ seen }) => seen))).toBeGreaterThan(0.005)
  expect(Math.abs(mean(leads.map(({ corrected }) => corrected)))).toBeLessThan(0.003)
})

it('Holm counts the pairs that are looked at: all, or those against a reference', () => {
  const family = simulateFamily({ separations: [1.6, 1.6, 1.6, 2.2], seeds: 5, patients: 20 }, 5)
  const all = compareGroups({ ...family, metric: 'accuracy', reference: null, units: 'patients' })
  const some = compareGroups({ ...family, metric: 'accuracy', reference: 'variant 1', units: 'patients' })
  expect(all.pairs).toHaveLength(6)
  expect(some.pairs.map(({ first, second }) => `${first} ${second}`)).toEqual([
    'variant 2 variant 1',
    'variant 3 variant 1',
    'variant 4 variant 1',
  ])
  expect(some.pairs[2]?.p).toBeCloseTo(all.pairs[2]?.p ?? NaN, 12)
  expect(some.pairs[2]?.adjustedP).toBeLessThan(all.pairs[2]?.adjustedP ?? NaN)
})

describe('folds of a cross-validation', () => {
  const folded = { seeds: 5, patients: 24, folds: 4 }

  it('of one variant with other seeds are hardly ever called a difference', () => {
    const claims = numbers.slice(0, 5).filter((number) => {
      const [pair] = compare({ separations: [1.6, 1.6], ...folded }, number).pairs
      return pair?.verdict.better !== null
    })
    expect(claims.length).toBeLessThanOrEqual(1)
  })

  it('find a true difference, which is said of seeds and folds', () => {
    for (const number of numbers.slice(0, 4)) {
      const { pairs } = compare({ separations: [1.6, 2.8], ...folded }, number)
      expect(pairs[0]).toMatchObject({ kind: 'variants', verdict: { better: 'variant 2' } })
      expect(pairs[0]?.verdict.sentence).toMatch(/; over 5 seeds each, of 4 folds$/)
    }
  })

  it('are averaged, never put in one order: a fold whose probabilities all lie higher changes nothing', () => {
    const family = simulateFamily({ separations: [1.6, 2.4], ...folded }, 3)
    const lifted = family.groups.map(({ name, runs }) => ({
      name,
      runs: runs.map((run) => {
        const lift = (p: number, cell: number): number => (run.fold === 2 ? (cell % 2 === 1 ? (p + 9) / 10 : p / 10) : p)
        return { ...run, probabilities: run.probabilities.map(lift) }
      }),
    }))
    const request = { images: family.images, metric: 'roc_auc', reference: null, units: 'patients' } as const
    const [plain, changed] = [compareGroups({ ...request, groups: family.groups }), compareGroups({ ...request, groups: lifted })]
    expect(changed.pairs).toEqual(plain.pairs)
    expect(changed.groups[0]?.mean).toBe(plain.groups[0]?.mean)
  })

  it('without five seeds claim nothing, however many folds there are', () => {
    const { pairs } = compare({ separations: [1, 5], seeds: 1, patients: 24, folds: 6 }, 1)
    expect(pairs[0]).toMatchObject({ kind: 'variants', verdict: { better: null } })
    expect(pairs[0]?.verdict.sentence).toContain(
      'nothing is claimed: 1 seed each, of 6 folds, and a claim about variants needs 5 or more of each',
    )
  })
})

it.each([
  ['two classes, one of them positive', ['benign', 'malignant'], 1, 0.3],
  ['three classes', ['normal', 'in situ', 'invasive'], null, null],
] as const)('%s: the metrics are those of the run’s own evaluation', (_, classes, positive, threshold) => {
  const images = 90
  const labels = Int32Array.from({ length: images }, (_, image) => image % classes.length)
  const draws = uniforms(keyOf(3, 'probabilities'), images * classes.length)
  const probabilities = Float32Array.from(draws, (draw, cell) => {
    const row = Math.floor(cell / classes.length) * classes.length
    return draw / draws.subarray(row, row + classes.length).reduce((sum, value) => sum + value, 0)
  })
  const rows = Array.from(labels, (label, image) => ({
    path: `${image}.png`,
    sha256: '',
    group: `patient ${image % 9}`,
    class: label,
    label: classes[label] ?? '',
    split: 'test' as const,
  }))
  const evaluation = evaluateAt({ rows, probabilities }, threshold, { classes, positive, seed: 1 })
  const compared = { labels, patientOf: labels.map((_, image) => image % 9), patients: 9, classes, positive }
  const ours = meanMetrics([{ answers: answersOf(probabilities, threshold, compared), images: compared }])
  for (const [name, value] of Object.entries(ours)) expect(value, name).toBeCloseTo(evaluation.metrics[name] ?? NaN, 12)
  expect(Object.keys(ours)).toHaveLength(positive === null ? 5 : 7)
})
