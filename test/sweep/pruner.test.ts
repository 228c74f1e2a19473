/** The two pruners as pure functions: what they must never do, whatever the trials have shown. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Prune } from '../../src/experiment/schema/sweep.ts'
import { makePruner, type Shown } from '../../src/sweep/pruner.ts'

const rules: readonly (readonly [string, Prune])[] = [
  ['median', { median: { warmup: 2, trials: 3 } }],
  ['successiveHalving', { successiveHalving: { warmup: 2, trials: 3, factor: 3 } }],
]
const goals = ['maximize', 'minimize'] as const

const score = fc.double({ min: 0, max: 1, noNaN: true })
const trial = fc.record({ run: fc.uuid(), values: fc.array(score, { minLength: 1, maxLength: 9 }) })
const judged = fc.record({ run: fc.uuid(), values: fc.array(score, { minLength: 9, maxLength: 9 }) })
const others = fc.array(trial, { maxLength: 12 })

function shown(run: string, ...values: number[]): Shown {
  return { run, values }
}

describe.each(rules)('%s', (_, prune) => {
  it('is asked after the warm-up and before the last epoch only', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), (planned) => {
        const epochs = makePruner(prune, 'maximize').epochs(planned)
        expect(epochs.every((epoch) => epoch >= 2 && epoch < planned)).toBe(true)
        expect(new Set(epochs).size).toBe(epochs.length)
        expect(epochs.length > 0).toBe(planned > 2)
      }),
    )
  })

  it.each(goals)('never stops the best of those that came as far, nor one with fewer than three to compare with (%s)', (goal) => {
    const pruner = makePruner(prune, goal)
    fc.assert(
      fc.property(judged, others, (own, rest) => {
        for (const epoch of pruner.epochs(9)) {
          const { goesOn, threshold, comparedWith, value } = pruner.judge(own, rest, epoch, 9)
          const values = comparedWith.map((other) => other.value)
          expect(values).toHaveLength(rest.filter((other) => other.values.length >= epoch).length)
          const isBest = values.every((other) => (goal === 'maximize' ? value >= other : value <= other))
          if (isBest) expect(goesOn).toBe(true)
          if (values.length < 3) expect([goesOn, threshold]).toEqual([true, null])
        }
      }),
    )
  })

  it('decides the same when losses are scores turned round', () => {
    const negated = ({ run, values }: Shown): Shown => ({ run, values: values.map((value) => -value) })
    fc.assert(
      fc.property(judged, others, (own, rest) => {
        const [up, down] = [makePruner(prune, 'maximize'), makePruner(prune, 'minimize')]
        for (const epoch of up.epochs(9))
          expect(down.judge(negated(own), rest.map(negated), epoch, 9).goesOn).toBe(up.judge(own, rest, epoch, 9).goesOn)
      }),
    )
  })

  it('never lets a worse trial go on where a better one would be stopped', () => {
    const pruner = makePruner(prune, 'maximize')
    fc.assert(
      fc.property(judged, score, others, (own, less, rest) => {
        const worse = { ...own, values: own.values.map((value) => value - less) }
        for (const epoch of pruner.epochs(9))
          if (pruner.judge(worse, rest, epoch, 9).goesOn) expect(pruner.judge(own, rest, epoch, 9).goesOn).toBe(true)
      }),
    )
  })
})

it('stops below the median, and lets the median itself go on', () => {
  const pruner = makePruner({ median: { warmup: 1, trials: 3 } }, 'maximize')
  const rest = [shown('a', 0.6, 0.6), shown('b', 0.7, 0.7), shown('c', 0.9, 0.9), shown('d', 0.8)]
  expect(pruner.judge(shown('own', 0, 0.69), rest, 2, 9)).toMatchObject({ goesOn: false, threshold: 0.7, value: 0.69 })
  expect(pruner.judge(shown('own', 0, 0.7), rest, 2, 9)).toMatchObject({ goesOn: true })
  expect(pruner.judge(shown('own', 0.74), rest, 1, 9)).toMatchObject({ goesOn: false, threshold: 0.75 })
})

it('has rungs that grow by the factor, from each of which one of so many goes on', () => {
  const pruner = makePruner({ successiveHalving: { warmup: 2, trials: 3, factor: 3 } }, 'maximize')
  expect(pruner.epochs(60)).toEqual([2, 6, 18, 54])
  const rest = [0.1, 0.2, 0.3, 0.4, 0.5].map((value, index) => shown(String(index), ...new Array<number>(6).fill(value)))
  const at = (value: number) => pruner.judge(shown('own', ...new Array<number>(6).fill(value)), rest, 6, 60)
  expect(at(0.45)).toMatchObject({ goesOn: true, threshold: 0.45, rung: 1 })
  expect(at(0.35)).toMatchObject({ goesOn: false, threshold: 0.4, rung: 1 })
})

it.each(rules)('%s: what is not finite is worse than any number, and where nothing else is known nobody is stopped', (_, prune) => {
  const pruner = makePruner(prune, 'minimize')
  const at = (value: number, ...rest: readonly number[]) =>
    pruner.judge(
      shown('own', 1, value),
      rest.map((other, index) => shown(String(index), 1, other)),
      2,
      9,
    )
  expect(at(NaN, 0.5, 0.6, 0.7)).toMatchObject({ goesOn: false })
  expect(at(Infinity, 0.5, 0.6, NaN)).toMatchObject({ goesOn: false, comparedWith: [{ value: 0.5 }, { value: 0.6 }, { value: NaN }] })
  expect(at(0.8, Infinity, NaN, NaN)).toMatchObject({ goesOn: true })
  expect(at(NaN, NaN, Infinity, NaN)).toMatchObject({ goesOn: true })
})
