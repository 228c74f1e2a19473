import { expect, it } from 'vitest'
import { chooseThreshold } from '../../src/evaluation/threshold.ts'

it('chooses the threshold that separates best, half way to the next score', () => {
  const scores = [0.1, 0.3, 0.35, 0.8]
  const isPositive = [false, false, true, true]
  expect(chooseThreshold('youden', scores, isPositive)).toBeCloseTo((0.35 + 0.3) / 2, 12)
  expect(chooseThreshold('maxBalancedAccuracy', scores, isPositive)).toBe(chooseThreshold('youden', scores, isPositive))
})

it('keeps a number that was given', () => {
  expect(chooseThreshold(0.2, [0.1, 0.9], [false, true])).toBe(0.2)
})
