/** Bands of ROC and precision-recall curves under resampling of groups. */
import { expect, it } from 'vitest'
import { keyOf, normals } from '../../src/random/philox.ts'
import { curveBands } from '../../src/statistics/curve-bands.ts'

const groups = 30
const images = groups * 20
const groupOf = Int32Array.from({ length: images }, (_, image) => image % groups)
const isPositive = Array.from({ length: images }, (_, image) => Math.floor(image / groups) % 3 === 0)
const noise = normals(keyOf(3, 'scores'), images)
const scoresAt = (separation: number): Float64Array => noise.map((value, image) => value + (isPositive[image] === true ? separation : 0))
const options = { seed: 1, resamples: 300, level: 0.95 }

it('is a line where every resample has the same curve', () => {
  const { roc, precisionRecall } = curveBands(scoresAt(100), isPositive, groupOf, groups, options)
  for (const { low, high } of [...roc, ...precisionRecall]) expect([low, high]).toEqual([1, 1])
})

it('holds the curve that the scores were drawn from', () => {
  // Two normal distributions of one width: sensitivity = Phi(separation + Phi^-1(share of false alarms)); at a half, Phi(1) = 0.841.
  const { roc } = curveBands(scoresAt(1), isPositive, groupOf, groups, options)
  const middle = roc.find(({ at }) => at === 0.5)
  expect(middle?.low).toBeLessThan(0.841)
  expect(middle?.high).toBeGreaterThan(0.841)
})

it('rises with the share of false alarms', () => {
  const { roc } = curveBands(scoresAt(1), isPositive, groupOf, groups, options)
  for (const [index, { low, high }] of roc.entries()) {
    expect(high).toBeGreaterThanOrEqual(low)
    if (index > 0) expect(low).toBeGreaterThanOrEqual((roc[index - 1]?.low ?? 0) - 1e-12)
  }
})
