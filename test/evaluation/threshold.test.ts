import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { evaluateWeights } from '../../src/evaluation/evaluate.ts'
import { chooseThreshold } from '../../src/evaluation/threshold.ts'
import { confusionMatrix, recall } from '../../src/statistics/confusion.ts'

interface Points {
  readonly scores: readonly number[]
  readonly labels: readonly number[]
  /** Of scikit-learn's roc_curve: the threshold lies above the one and is at most the other; null at the ends. */
  readonly points: readonly {
    readonly wish: number
    readonly sensitivity: number
    readonly specificity: number
    readonly atMost: number | null
    readonly above: number | null
  }[]
  readonly youden: number
}

const { operatingPoints } = JSON.parse(readFileSync(new URL('sklearn.json', import.meta.url), 'utf8')) as {
  operatingPoints: readonly Points[]
}

function ratesAt(threshold: number, { scores, labels }: Points): { readonly sensitivity: number; readonly specificity: number } {
  const called = scores.map((score) => (score >= threshold ? 1 : 0))
  const matrix = confusionMatrix(labels, called, 2)
  return { sensitivity: recall(matrix, 1), specificity: recall(matrix, 0) }
}

describe.each(operatingPoints.map((points, index) => ({ index, points })))('the operating points of case $index', ({ points }) => {
  const isPositive = points.labels.map((label) => label === 1)

  it.each(points.points)('has roc_curve’s highest sensitivity with a specificity of at least $wish', (point) => {
    const threshold = chooseThreshold({ atSpecificity: point.wish }, points.scores, isPositive)
    const { sensitivity, specificity } = ratesAt(threshold, points)
    expect(sensitivity).toBeCloseTo(point.sensitivity, 12)
    expect(specificity).toBeCloseTo(point.specificity, 12)
    if (point.atMost !== null) expect(threshold).toBeLessThanOrEqual(point.atMost)
    if (point.above !== null) expect(threshold).toBeGreaterThan(point.above)
  })

  it('has roc_curve’s largest Youden index, which is that of the balanced accuracy', () => {
    const threshold = chooseThreshold('youden', points.scores, isPositive)
    const { sensitivity, specificity } = ratesAt(threshold, points)
    expect(sensitivity + specificity - 1).toBeCloseTo(points.youden, 12)
    expect(chooseThreshold('maxBalancedAccuracy', points.scores, isPositive)).toBe(threshold)
  })
})

it('stands half way to the next score', () => {
  expect(chooseThreshold('youden', [0.1, 0.3, 0.35, 0.8], [false, false, true, true])).toBeCloseTo((0.35 + 0.3) / 2, 12)
})

it('calls nothing where even a probability of 1 is a false alarm too many', () => {
  expect(chooseThreshold({ atSpecificity: 1 }, [1, 0.2], [false, true])).toBeGreaterThan(1)
})

it('keeps a number that was given, and takes .5 where there is one class only', () => {
  expect(chooseThreshold(0.2, [0.1, 0.9], [false, true])).toBe(0.2)
  expect(chooseThreshold('youden', [0.1, 0.9], [true, true])).toBe(0.5)
  expect(chooseThreshold({ atSpecificity: 0.9 }, [0.1, 0.9], [false, false])).toBe(0.5)
})

it('is chosen on validation alone: other test images change neither it nor what is said of validation', () => {
  const split = (scores: readonly number[], labels: readonly number[]) => ({
    rows: labels.map((label, index) => ({
      path: `${index}.png`,
      sha256: '',
      group: `patient ${index % 3}`,
      class: label,
      label: String(label),
      split: 'test' as const,
    })),
    probabilities: Float32Array.from(scores.flatMap((p) => [1 - p, p])),
  })
  const validation = split([0.1, 0.4, 0.5, 0.7, 0.8, 0.9], [0, 0, 1, 0, 1, 1])
  const judgement = { classes: ['benign', 'malignant'], positive: 1, seed: 1 }
  const of = (test: ReturnType<typeof split>) => evaluateWeights(1, validation, test, { atSpecificity: 0.9 }, judgement).chosen
  const [first, second] = [of(split([0.2, 0.9], [0, 1])), of(split([0.9, 0.2], [0, 1]))]
  expect(first?.validation).toEqual(second?.validation)
  expect(first?.test.threshold).toBe(0.75)
  expect([first?.test.metrics['accuracy'], second?.test.metrics['accuracy']]).toEqual([1, 0])
})
