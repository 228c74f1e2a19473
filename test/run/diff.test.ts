/** Files that say the same in other words, and files that do not. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { diffFiles } from '../../src/run/diff.ts'
import { projectRoot } from '../runner.ts'
import { makeDesk, type Desk } from './workspace.ts'

let desk: Desk
let baseline: string
beforeAll(async () => {
  baseline = await readFile(join(projectRoot, 'experiments/baseline.yaml'), 'utf8')
  desk = await makeDesk()
  await desk.write('base.yaml', baseline)
})
afterAll(() => desk.remove())

async function diffWith(text: string, set: readonly string[] = []) {
  await desk.write('other.yaml', text)
  return diffFiles({ before: 'base.yaml', after: 'other.yaml', set, workspace: desk.workspace, listen: () => undefined })
}

it('other words for the same are no difference', async () => {
  const same = baseline
    .replace(
      'optimizer: { adagrad: { learningRate: 0.01, decay: perEpochs } }',
      'optimizer: { adagrad: { learningRate: { inverseTimeDecay: { initial: 0.01, decay: 0.00025 } } } }',
    )
    .replace('maxPooling2d: 2', 'maxPooling2d: { poolSize: [2, 2], strides: 2 }')
    .replace('  zoom: 0.05\n', '  zoom: { in: 0.05, out: 0.05 }\n')
    .replace('units: classes', 'units: 2')
  const { values, layers, costs } = await diffWith(same)
  expect({ values, layers }).toEqual({ values: [], layers: [] })
  expect(costs.filter(({ before, after }) => before !== after)).toEqual([])
})

it('values differ by their path, and an optimizer of another kind by all that it has', async () => {
  const { values } = await diffWith('extends: base.yaml\nname: other\noptimizer: adam\naugmentation: null\ntraining: { epochs: 20 }\n')
  const change = (path: string) => values.find((value) => value.path === path)
  expect(change('name')).toEqual({ path: 'name', before: 'baseline', after: 'other' })
  expect(change('training.epochs')).toEqual({ path: 'training.epochs', before: 40, after: 20 })
  expect(change('augmentation.rotation')).toEqual({ path: 'augmentation.rotation', before: 20, after: undefined })
  expect(change('optimizer.adagrad.epsilon')).toEqual({ path: 'optimizer.adagrad.epsilon', before: 1e-7, after: undefined })
  expect(change('optimizer.adam.beta1')).toEqual({ path: 'optimizer.adam.beta1', before: undefined, after: 0.9 })
  expect(values.some(({ path }) => path.startsWith('model'))).toBe(false)
})

it('layers are matched by what they are, though their numbers move', async () => {
  const edit = `extends: base.yaml
model:
  edit: [{ remove: batchNormalization, in: dense }, { set: { dropout: 0.15 }, in: convolution }]
`
  const { layers, costs } = await diffWith(edit)
  expect(layers).toEqual([
    ...['dropout_1', 'dropout_2', 'dropout_3'].map((name) => ({
      change: 'changed',
      name,
      options: [{ path: 'rate', before: 0.25, after: 0.15 }],
    })),
    { change: 'removed', name: 'batchNormalization_7', options: [] },
  ])
  expect(costs.slice(0, 3)).toEqual([
    { what: 'parameters', unit: 'count', before: 1_235_133, after: 1_235_133 - 4 * 256 },
    { what: 'of them to train', unit: 'count', before: 1_233_533, after: 1_233_533 - 2 * 256 },
    { what: 'multiply-adds of an image', unit: 'count', before: 12_016_128, after: 12_016_128 - 256 },
  ])
})

it('an added layer is shown with what it does not leave to defaults', async () => {
  const { layers } = await diffWith(
    baseline.replace('    - flatten\n', '    - conv2d: { filters: 8, kernelSize: 3, strides: 1 }\n    - flatten\n'),
  )
  expect(layers).toEqual([
    {
      change: 'added',
      name: 'conv2d_1',
      options: [
        { path: 'filters', before: undefined, after: 8 },
        { path: 'kernelSize', before: undefined, after: [3, 3] },
      ],
    },
  ])
})

it('--set changes the second: one file twice shows what a setting does', async () => {
  const { values, layers, costs } = await diffWith(baseline, ['training.batchSize=64', 'model.layers.19.units=64'])
  expect(values).toEqual([{ path: 'training.batchSize', before: 32, after: 64 }])
  expect(layers).toEqual([{ change: 'changed', name: 'dense_1', options: [{ path: 'units', before: 256, after: 64 }] }])
  const step = costs.find(({ what }) => what === 'a training step')
  expect(step?.after).toBeCloseTo(2 * (step?.before ?? 0), -5)
})
