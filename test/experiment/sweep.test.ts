/** The points of a sweep: which there are, what they are called, and what each of them is. */
import { expect, it } from 'vitest'
import type { LoadedPoint } from '../../src/experiment/load-experiment.ts'
import { loadText } from './load.ts'

async function pointsOf(sweep: string): Promise<readonly LoadedPoint[]> {
  const { sweep: loaded, diagnostics } = await loadText(`extends: base.yaml\nsweep:\n${sweep}`)
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
  return loaded?.points ?? []
}

it('is absent where a file says none', async () => {
  expect((await loadText('extends: base.yaml\nname: one')).sweep).toBeUndefined()
})

it('has every variant with every value, and each seed of all before the next', async () => {
  const points = await pointsOf(`
  variants: { plain: {}, slow: { optimizer: { adagrad: { learningRate: 0.001 } } } }
  axes: { training.batchSize: [8, 16] }
  repeats: 2`)
  expect(points.map(({ name }) => name)).toEqual([
    'plain batchSize=8 seed=7',
    'plain batchSize=16 seed=7',
    'slow batchSize=8 seed=7',
    'slow batchSize=16 seed=7',
    'plain batchSize=8 seed=8',
    'plain batchSize=16 seed=8',
    'slow batchSize=8 seed=8',
    'slow batchSize=16 seed=8',
  ])
  expect(points[6]?.located.experiment).toMatchObject({
    seed: 8,
    training: { batchSize: 8 },
    optimizer: { learningRate: { initial: 0.001 } },
  })
})

it('keeps the split of the first seed, so that points are compared on the same images', async () => {
  const points = await pointsOf('  repeats: 3')
  expect(points.map(({ located: { experiment } }) => [experiment.seed, experiment.split])).toMatchObject([
    [7, { seed: 7 }],
    [8, { seed: 7 }],
    [9, { seed: 7 }],
  ])
})

it('lets lists under zip go together, and names an axis by as much of its path as tells it apart', async () => {
  const points = await pointsOf(`
  zip: { training.epochs: [2, 4], dataset.image.width: [24, 32] }
  axes: { dataset.image.height: [24, 32] }`)
  expect(points.map(({ name }) => name)).toEqual([
    'height=24 epochs=2 width=24',
    'height=24 epochs=4 width=32',
    'height=32 epochs=2 width=24',
    'height=32 epochs=4 width=32',
  ])
})

it('draws the same values from the same seed, within their ranges', async () => {
  const random = `
  random:
    draws: 40
    axes:
      optimizer.adagrad.learningRate: { logUniform: [0.0001, 0.1] }
      model.layers.3.dropout.rate: { uniform: [0.1, 0.5] }
      training.batchSize: { choice: [8, 16] }`
  const [points, again] = [await pointsOf(random), await pointsOf(random)]
  expect(points.map(({ name }) => name)).toEqual(again.map(({ name }) => name))
  const drawn = points.map(({ axes }) => ({ learningRate: Number(axes['learningRate']), rate: Number(axes['rate']) }))
  for (const { learningRate, rate } of drawn) {
    expect(learningRate).toBeGreaterThanOrEqual(0.0001)
    expect(learningRate).toBeLessThanOrEqual(0.1)
    expect(rate).toBeGreaterThanOrEqual(0.1)
    expect(rate).toBeLessThanOrEqual(0.5)
  }
  // Half of the orders of magnitude lie below the geometric middle.
  const below = drawn.filter(({ learningRate }) => learningRate < Math.sqrt(0.0001 * 0.1)).length
  expect(below).toBeGreaterThan(10)
  expect(below).toBeLessThan(30)
  expect(new Set(points.map(({ axes }) => axes['batchSize']))).toEqual(new Set(['8', '16']))
})

it('is given as an experiment of its own: without a sweep', async () => {
  const points = await pointsOf('  axes: { training.epochs: [1, 2] }')
  expect(points.map(({ located }) => located.experiment.training.epochs)).toEqual([1, 2])
  for (const { located } of points) expect(located.experiment).not.toHaveProperty('sweep')
})
