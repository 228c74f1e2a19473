import { describe, expect, it } from 'vitest'
import type { Initializer } from '../../src/experiment/experiment.ts'
import { classWeightValues } from '../../src/network/class-weights.ts'
import { initialValues } from '../../src/network/initial-values.ts'
import type { Parameter } from '../../src/network/plan.ts'
import { learningRateAt, stepsPerEpoch } from '../../src/network/schedule.ts'
import { readFixture } from '../parity/fixtures.ts'

function kernel(initializer: Initializer, shape: readonly number[], name = 'conv2d_1/kernel'): Parameter {
  const [fanIn, fanOut] = [shape.slice(0, -1), [...shape.slice(0, -2), ...shape.slice(-1)]].map((sizes) =>
    sizes.reduce((product, size) => product * size, 1),
  )
  return { name, role: 'kernel', shape, initializer, fanIn: fanIn ?? 0, fanOut: fanOut ?? 0, isTrainable: true, l2: 0 }
}

const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length
function stddev(values: Float32Array): number {
  const centre = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / values.length)
}

describe('initial values are drawn as Keras draws them', () => {
  for (const { name, initializer, shape, ...keras } of readFixture('initializers')) {
    it(`${name}: the same bounds, mean and spread over 18,432 numbers`, () => {
      const values = initialValues(kernel(initializer, shape), 7)
      expect(values).toHaveLength(18432)
      expect(Math.abs(mean(values) - keras.mean)).toBeLessThan(0.04 * keras.stddev)
      expect(stddev(values) / keras.stddev).toBeCloseTo(1, 1.5)
      if (name === 'randomNormal') {
        expect(Math.max(...values)).toBeGreaterThan(0.5 + 3 * 0.2)
      } else {
        expect(Math.max(...values) / keras.maximum).toBeCloseTo(1, 2)
        expect(Math.min(...values) / keras.minimum).toBeCloseTo(1, 2)
      }
    })
  }

  it('zeros, ones and constants are what they say', () => {
    expect([...initialValues(kernel({ kind: 'zeros' }, [2]), 1)]).toEqual([0, 0])
    expect([...initialValues(kernel({ kind: 'ones' }, [2]), 1)]).toEqual([1, 1])
    expect([...initialValues(kernel({ kind: 'constant', value: 0.5 }, [2]), 1)]).toEqual([0.5, 0.5])
  })

  it('stays within Glorot’s limit sqrt(6 / (fanIn + fanOut))', () => {
    const values = initialValues(kernel({ kind: 'glorotUniform' }, [3, 3, 4, 2]), 3)
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(Math.sqrt(6 / (36 + 18)))
  })

  it('depends on the seed and the parameter’s name, and on nothing else', () => {
    const draw = (seed: number, name: string): string => initialValues(kernel({ kind: 'heNormal' }, [4, 4], name), seed).join()
    expect(draw(7, 'dense_1/kernel')).toBe(draw(7, 'dense_1/kernel'))
    expect(draw(7, 'dense_1/kernel')).not.toBe(draw(8, 'dense_1/kernel'))
    expect(draw(7, 'dense_1/kernel')).not.toBe(draw(7, 'dense_2/kernel'))
  })
})

describe('learning rates are those of Keras', () => {
  for (const { name, schedule, stepsPerEpoch, steps, learningRates } of readFixture('schedules')) {
    it(name, () => {
      for (const [index, step] of steps.entries()) {
        const expected = learningRates[index] ?? Number.NaN
        const difference = Math.abs(learningRateAt(schedule, step, stepsPerEpoch) - expected)
        expect(difference, `step ${step}`).toBeLessThan(1e-6 * expected + 1e-7 * schedule.initial)
      }
    })
  }

  it('an epoch has a step for every batch, the last smaller one included', () => {
    expect(stepsPerEpoch(96, 32)).toBe(3)
    expect(stepsPerEpoch(97, 32)).toBe(4)
  })
})

describe('class weights', () => {
  it('none, maxRatio, balanced and explicit', () => {
    const counts = [300, 100]
    expect(classWeightValues({ kind: 'none' }, counts)).toEqual([1, 1])
    expect(classWeightValues({ kind: 'maxRatio' }, counts)).toEqual([1, 3])
    expect(classWeightValues({ kind: 'balanced' }, counts)).toEqual([400 / 600, 2])
    expect(classWeightValues({ kind: 'explicit', weights: [1, 2.5] }, counts)).toEqual([1, 2.5])
  })
})
