/** Metrics and reports against scikit-learn's, recorded by make_fixtures.py. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { evaluateAt } from '../../src/evaluation/evaluate.ts'
import { epochMetrics } from '../../src/evaluation/epoch-metrics.ts'
import { renderClassificationReport } from '../../src/evaluation/classification-report.ts'
import type { ManifestRow } from '../../src/dataset/manifest.ts'

interface Case {
  readonly name: string
  readonly classes: readonly string[]
  readonly labels: readonly number[]
  readonly probabilities: readonly number[]
  /** Null where scikit-learn calls it undefined. */
  readonly metrics: Readonly<Record<string, number | null>>
  readonly againstRest?: Readonly<Record<string, Readonly<Record<string, number | null>>>>
  readonly confusion: readonly (readonly number[])[]
  readonly report: string
}

function expectSame(actual: number | undefined, expected: number | null, name: string): void {
  if (expected === null) expect(actual, name).toBeNaN()
  else expect(Math.abs((actual ?? NaN) - expected), name).toBeLessThan(1e-9)
}

const { cases } = JSON.parse(readFileSync(new URL('sklearn.json', import.meta.url), 'utf8')) as { cases: readonly Case[] }

function rowsOf(labels: readonly number[]): ManifestRow[] {
  return labels.map((label, index) => ({
    path: `${index}.png`,
    sha256: '',
    group: `patient ${index % 7}`,
    class: label,
    label: String(label),
    split: 'test',
  }))
}

describe.each(cases)('$name', ({ classes, labels, probabilities, metrics, againstRest = {}, confusion, report }) => {
  const positive = classes.length === 2 ? 1 : null
  const predictions = { rows: rowsOf(labels), probabilities: Float32Array.from(probabilities) }
  const evaluation = evaluateAt(predictions, positive === null ? null : 0.5, { classes, positive, seed: 1 })

  it('has scikit-learn’s numbers to 1e-9, and no other', () => {
    for (const [name, value] of Object.entries(evaluation.metrics)) expectSame(value, metrics[name] ?? null, name)
    expect(Object.keys(evaluation.metrics).sort()).toEqual(Object.keys(metrics).sort())
  })

  if (positive === null)
    it('has scikit-learn’s numbers of each class against the rest', () => {
      expect(Object.keys(evaluation.againstRest ?? {})).toEqual([...classes])
      for (const [own, scores] of Object.entries(evaluation.againstRest ?? {}))
        for (const [name, value] of Object.entries(scores.metrics)) expectSame(value, againstRest[own]?.[name] ?? null, `${own} ${name}`)
    })

  it('has an interval for each number that is defined', () => {
    const everyone = [evaluation, ...Object.values(evaluation.againstRest ?? {})]
    for (const { metrics: values, intervals } of everyone)
      for (const [name, value] of Object.entries(values))
        if (!Number.isNaN(value)) expect(intervals[name]?.high, name).toBeGreaterThanOrEqual(intervals[name]?.low ?? NaN)
  })

  it('has its confusion matrix and its report, to the character', () => {
    expect(evaluation.confusion).toEqual(confusion)
    expect(renderClassificationReport(evaluation.report)).toBe(report)
  })

  it('has the same metrics after every epoch as at the end', () => {
    const quick = epochMetrics(predictions.probabilities, Int32Array.from(labels), classes.length, positive)
    for (const [name, value] of Object.entries(quick)) expect(value, name).toBe(evaluation.metrics[name])
  })
})

describe('intervals', () => {
  const [usual] = cases
  if (!usual) throw new Error('no case')
  const judge = (seed: number) =>
    evaluateAt({ rows: rowsOf(usual.labels), probabilities: Float32Array.from(usual.probabilities) }, 0.5, {
      classes: usual.classes,
      positive: 1,
      seed,
    })

  it('hold the value, and are a pure function of the seed', () => {
    const { metrics, intervals } = judge(1)
    for (const [name, { low, high }] of Object.entries(intervals)) {
      expect(low, name).toBeLessThanOrEqual(metrics[name] ?? NaN)
      expect(high, name).toBeGreaterThanOrEqual(metrics[name] ?? NaN)
      expect(high - low, name).toBeGreaterThan(0.01)
    }
    expect(judge(1).intervals).toEqual(intervals)
    expect(judge(2).intervals).not.toEqual(intervals)
  })
})

it('calls sensitivity the recall of the positive class and specificity that of the negative', () => {
  // 3 malignant, 2 found; 4 benign, 1 called malignant.
  const labels = [1, 1, 1, 0, 0, 0, 0]
  const scores = [0.9, 0.8, 0.1, 0.7, 0.2, 0.2, 0.3]
  const { metrics } = evaluateAt({ rows: rowsOf(labels), probabilities: Float32Array.from(scores.flatMap((p) => [1 - p, p])) }, 0.5, {
    classes: ['benign', 'malignant'],
    positive: 1,
    seed: 1,
  })
  expect(metrics['sensitivity']).toBeCloseTo(2 / 3, 12)
  expect(metrics['specificity']).toBeCloseTo(3 / 4, 12)
})
