/** The points of a sweep: which there are, what they are called, and what each of them is. */
import { describe, expect, it } from 'vitest'
import type { LoadedPoint } from '../../src/experiment/load-experiment.ts'
import { resolvedYaml } from '../../src/experiment/resolved-yaml.ts'
import { load, loadText } from './load.ts'

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

it('names values apart that one word would name alike', async () => {
  const points = await pointsOf(`
  axes: { optimizer: [{ sgd: { learningRate: 0.1 } }, { adam: { learningRate: 0.01 } }, { adam: { learningRate: 0.001 } }] }`)
  expect(points.map(({ name }) => name)).toEqual([
    'optimizer=sgd',
    'optimizer={"adam":{"learningRate":0.01}}',
    'optimizer={"adam":{"learningRate":0.001}}',
  ])
})

it('is given as an experiment of its own: without a sweep', async () => {
  const points = await pointsOf('  axes: { training.epochs: [1, 2] }')
  expect(points.map(({ located }) => located.experiment.training.epochs)).toEqual([1, 2])
  for (const { located } of points) expect(located.experiment).not.toHaveProperty('sweep')
})

describe('an axis with a condition', () => {
  it('is there only where the condition holds, and multiplies nothing elsewhere', async () => {
    const points = await pointsOf(`
  variants: { plain: {}, adam: { optimizer: { adam: { learningRate: 0.001 } } } }
  axes:
    optimizer.adam.beta1: { values: [0.8, 0.9], when: { variant: adam } }
    training.batchSize: [8, 16]
  repeats: 2`)
    expect(points.filter(({ seed }) => seed === 8).map(({ group }) => group)).toEqual([
      'plain batchSize=8',
      'plain batchSize=16',
      'adam beta1=0.8 batchSize=8',
      'adam beta1=0.8 batchSize=16',
      'adam beta1=0.9 batchSize=8',
      'adam beta1=0.9 batchSize=16',
    ])
    expect(points[0]?.axes).toEqual({ variant: 'plain', batchSize: '8' })
    expect(points.map(({ located }) => located.experiment.optimizer.kind)).toEqual(
      points.map(({ axes }) => (axes['beta1'] ? 'adam' : 'adagrad')),
    )
  })

  it('may stand before what its condition names, and name an axis that is conditional itself', async () => {
    const axes = {
      'training.batchSize': 'training.batchSize: { values: [8, 16], when: { epochs: 2 } }',
      'training.epochs': 'training.epochs: { values: [1, 2], when: { dataset.image.width: [28, 32] } }',
      'dataset.image.width': 'dataset.image.width: [24, 28, 32]',
    }
    const setsOf = async (order: readonly (keyof typeof axes)[]): Promise<string[]> => {
      const points = await pointsOf(`\n  axes:\n${order.map((name) => `    ${axes[name]}`).join('\n')}`)
      return points.map(({ axes: own }) => JSON.stringify(Object.entries(own).sort())).sort()
    }
    const forwards = await setsOf(['training.batchSize', 'training.epochs', 'dataset.image.width'])
    expect(forwards).toHaveLength(1 + 2 * 3)
    expect(await setsOf(['dataset.image.width', 'training.epochs', 'training.batchSize'])).toEqual(forwards)
    expect(await setsOf(['training.epochs', 'dataset.image.width', 'training.batchSize'])).toEqual(forwards)
  })

  it('wants every name of its condition, and one value of each', async () => {
    const points = await pointsOf(
      `
  axes:
    training.epochs: [1, 2]
    dataset.image.width: [24, 32]
    training.batchSize: { values: [8, 16], when: { epochs: 2, width: [24, 32] } }
    dataset.image.height: { values: [24, 32], when: { epochs: 1, width: 32 } }`,
    )
    expect(points.map(({ name }) => name)).toEqual([
      'epochs=1 width=24',
      'epochs=1 width=32 height=24',
      'epochs=1 width=32 height=32',
      'epochs=2 width=24 batchSize=8',
      'epochs=2 width=24 batchSize=16',
      'epochs=2 width=32 batchSize=8',
      'epochs=2 width=32 batchSize=16',
    ])
  })

  it('leaves the others of its zip as they are, and rows that then say the same are one', async () => {
    const points = await pointsOf(`
  axes: { dataset.image.width: [24, 32] }
  zip:
    training.epochs: [1, 1, 2]
    training.batchSize: { values: [8, 16, 16], when: { width: 32 } }`)
    expect(points.map(({ name }) => name)).toEqual([
      'width=24 epochs=1',
      'width=24 epochs=2',
      'width=32 epochs=1 batchSize=8',
      'width=32 epochs=1 batchSize=16',
      'width=32 epochs=2 batchSize=16',
    ])
  })

  it('names a value by what it is called, too: the kind of an optimizer', async () => {
    const points = await pointsOf(`
  axes:
    optimizer: [{ sgd: { learningRate: 0.1 } }, { adam: { learningRate: 0.001 } }]
    optimizer.adam.beta1: { values: [0.8, 0.9], when: { optimizer: adam } }`)
    expect(points.map(({ name }) => name)).toEqual(['optimizer=sgd', 'optimizer=adam beta1=0.8', 'optimizer=adam beta1=0.9'])
  })

  it('is drawn where it is there, and changes no draw of the others', async () => {
    const random = (when: string): string => `
  variants: { plain: {}, slow: { optimizer: { adagrad: { decay: perEpochs } } } }
  random:
    draws: 6
    axes:
      optimizer.adagrad.learningRate: { logUniform: [0.0001, 0.1] }
      training.batchSize: { choice: [8, 16, 32], when: { variant: plain } }
      model.layers.3.dropout.rate: { uniform: [0.1, 0.5]${when} }`
    const [always, sometimes] = [await pointsOf(random('')), await pointsOf(random(', when: { batchSize: [16, 32] }'))]
    const others = (points: readonly LoadedPoint[]) => points.map(({ axes }) => ({ ...axes, rate: null }))
    expect(others(sometimes)).toEqual(others(always))
    const told = sometimes.filter(({ axes }) => axes['rate'] !== undefined)
    expect(told.length).toBeGreaterThan(0)
    for (const { axes } of told) {
      expect(axes).toMatchObject({ variant: 'plain' })
      expect(always.map((point) => point.axes)).toContainEqual(axes)
    }
  })
})

describe('folds', () => {
  it('are repeats as seeds are: every first fold comes before every second, and all seeds have the same ones', async () => {
    const points = await pointsOf(`
  axes: { training.batchSize: [8, 16] }
  folds: 3
  repeats: 2`)
    expect(points.map(({ name }) => name)).toEqual(
      ['seed=7', 'seed=8'].flatMap((seed) =>
        ['fold=1', 'fold=2', 'fold=3'].flatMap((fold) => ['batchSize=8', 'batchSize=16'].map((value) => `${value} ${fold} ${seed}`)),
      ),
    )
    expect(new Set(points.map(({ group }) => group))).toEqual(new Set(['batchSize=8', 'batchSize=16']))
    for (const { fold, axes, located } of points) {
      expect(located.experiment.split).toMatchObject({ seed: 7, fold: { number: fold, of: 3 } })
      expect(Object.keys(axes)).toEqual(['batchSize'])
      const again = await load('resolved.yaml', { readFile: () => Promise.resolve(resolvedYaml(located.experiment)) })
      expect(again.value?.experiment.split).toEqual(located.experiment.split)
    }
  })

  it('need no other axis, and take no validation from the file', async () => {
    const { sweep, diagnostics } = await loadText('extends: base.yaml\nsplit: { validation: 0 }\nsweep: { folds: 2 }')
    expect(diagnostics).toEqual([])
    expect(sweep?.points.map(({ name, group, fold }) => [name, group, fold])).toEqual([
      ['fold=1', '', 1],
      ['fold=2', '', 2],
    ])
  })
})
