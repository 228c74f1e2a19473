import fs from 'node:fs/promises'
import path from 'node:path'
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { positionAt } from '../../src/diagnostics/position.ts'
import type { Experiment, Located } from '../../src/experiment/experiment.ts'
import { flattenParameters } from '../../src/experiment/flatten-parameters.ts'
import type { LoadOptions } from '../../src/experiment/load-experiment.ts'
import { resolvedYaml } from '../../src/experiment/resolved-yaml.ts'
import { generatedFiles } from '../../src/experiment/write-schema.ts'
import { load, loadText, projectRoot } from './load.ts'

async function loaded(outcome: ReturnType<typeof load>): Promise<Located> {
  const { value, diagnostics } = await outcome
  expect(diagnostics).toEqual([])
  if (!value) throw new Error('nothing was loaded')
  return value
}

async function variant(text: string, options: Partial<LoadOptions> = {}): Promise<Experiment> {
  return (await loaded(loadText(`extends: base.yaml\n${text}`, options))).experiment
}

/** "file:line:column" of what is said at a path. */
function whereIs({ places, sources }: Located, dotted: string): string {
  const place = places.get(dotted)
  if (!place) return 'nowhere'
  const { line, column } = positionAt(sources.get(place.file) ?? '', place.offset)
  return `${place.file}:${line}:${column}`
}

const experiments = (await fs.readdir(path.join(projectRoot, 'experiments'))).filter((name) => name.endsWith('.yaml'))
const stacks = `
model:
  layers:
    - conv2d: { filters: 4, kernelSize: [3, 5], strides: 2, padding: same, kernelInitializer: heNormal, kernelL2: 0.001 }
    - leakyReLU: 0.1
    - { id: middle, depthwiseConv2d: { kernelSize: 3, depthwiseInitializer: { randomUniform: { minval: -0.1 } }, biasInitializer: { constant: 0.1 } } }
    - averagePooling2d: { poolSize: 2, strides: 1, padding: same }
    - spatialDropout2d: 0.1
    - globalAveragePooling2d
    - dense: { units: classes }
    - activation: softmax
`

test('there are experiments', () => expect(experiments).toEqual(expect.arrayContaining(['baseline.yaml', 'smoke.yaml', 'tutorial.yaml'])))

test.each(experiments)('experiments/%s loads without a word', async (name) => {
  await loaded(load(path.join('experiments', name), { cwd: projectRoot }))
})

const schema = JSON.parse(await fs.readFile(path.join(projectRoot, 'schemas/experiment.schema.json'), 'utf8')) as object
const acceptsFile = new Ajv({ strict: false, allErrors: true }).compile(schema)

test.each(experiments)('the committed schema accepts experiments/%s', async (name) => {
  acceptsFile(parse(await fs.readFile(path.join(projectRoot, 'experiments', name), 'utf8')))
  expect(acceptsFile.errors ?? []).toEqual([])
})

test.each([
  ['an unknown key', 'name: a\nextends: b.yaml\nsheer: 1'],
  ['a wrong value', 'extends: b.yaml\ntraining: { epochs: 0 }'],
  ['an unknown layer', 'extends: b.yaml\nmodel: { layers: [{ conv3d: {} }] }'],
  ['a layer of two kinds', 'extends: b.yaml\nmodel: { layers: [{ flatten: {}, dropout: 0.5 }] }'],
  ['a file that extends nothing and lacks keys', 'name: a\ntraining: {}'],
])('the committed schema refuses %s', (_, text) => {
  expect(acceptsFile(parse(text))).toBe(false)
})

test.each(Object.entries(generatedFiles()))('%s is what `npm run schema` writes', async (name, text) => {
  expect(await fs.readFile(path.join(projectRoot, name), 'utf8')).toBe(text)
})

test('the baseline is CancerNet: three blocks, 0.01 / 40 as decay, its classes as units', async () => {
  const { experiment } = await loaded(load('experiments/baseline.yaml', { cwd: projectRoot }))
  const { layers } = experiment.model
  expect(layers.flatMap((layer) => ('filters' in layer ? [layer.filters] : []))).toEqual([32, 64, 64, 128, 128, 128])
  expect(layers.at(-1)).toMatchObject({ kind: 'dense', name: 'dense_2', units: 2, activation: 'softmax' })
  expect(experiment.optimizer).toMatchObject({
    kind: 'adagrad',
    learningRate: { initial: 0.01, warmupEpochs: 0, curve: { kind: 'inverseTimeDecay', decay: 0.00025 } },
  })
  expect(experiment.split).toEqual({
    kind: 'draw',
    by: 'patient',
    test: 0.2,
    validation: 0.08,
    seed: 7,
    stratify: true,
    allowLeakage: null,
    fold: null,
  })
  expect(experiment.dataset).toMatchObject({ positive: 1, isDefaultRoot: true, rootAsWritten: '${IDC_ROOT:-datasets/idc}' })
  expect(experiment.dataset.root).toBe(path.join(projectRoot, 'datasets/idc'))
})

test('seeds may be tried on one split: split.seed stays where it is written, and is the seed where it is not', async () => {
  const splitOf = async (...set: string[]) => (await loaded(load('experiments/baseline.yaml', { cwd: projectRoot, set }))).experiment.split
  expect(await splitOf('seed=8', 'split.seed=3')).toEqual(await splitOf('seed=9', 'split.seed=3'))
  expect(await splitOf('seed=8')).toMatchObject({ seed: 8 })
})

test('a value knows the file and line that it comes from, through extends and --set', async () => {
  const located = await loaded(load('experiments/tutorial.yaml', { cwd: projectRoot, set: ['seed=9', 'training.epochs=3'] }))
  expect(whereIs(located, 'name')).toMatch(/^experiments\/tutorial\.yaml:\d+:7$/u)
  expect(whereIs(located, 'split.by')).toMatch(/^experiments\/tutorial\.yaml:/u)
  expect(whereIs(located, 'split.stratify')).toMatch(/^experiments\/baseline\.yaml:/u)
  expect(whereIs(located, 'model.layers.3.dropout')).toMatch(/^experiments\/baseline\.yaml:/u)
  expect(whereIs(located, 'seed')).toBe('--set:1:6')
  expect(whereIs(located, 'training.epochs')).toBe('--set:2:17')
  expect(located.experiment).toMatchObject({ name: 'tutorial', seed: 9, training: { epochs: 3, batchSize: 32 } })
})

test('extends merges maps, replaces lists and other kinds, and null removes', async () => {
  const experiment = await variant('optimizer: { adam: {} }\ntraining: { select: null, batchSize: 8 }\naugmentation: { flip: [vertical] }')
  expect(experiment.optimizer).toMatchObject({ kind: 'adam', learningRate: { initial: 0.001, curve: { kind: 'constant' } } })
  expect(experiment.training).toEqual({ epochs: 4, batchSize: 8, select: null, earlyStopping: null, onNonFinite: 'stop' })
  expect(experiment.augmentation).toMatchObject({ flip: ['vertical'], rotation: 0, zoom: [0, 0], shift: { width: 0, height: 0 } })
})

test('--set reaches into short forms, lists and layers by id', async () => {
  const set = [
    'model.layers.3.rate=0.25',
    'model.layers.head.kernelL2=0.01',
    'optimizer.sgd.momentum=0.9',
    'dataset.classes.0.name=healthy',
  ]
  const experiment = await variant('', { set })
  expect(experiment.model.layers[3]).toEqual({ kind: 'dropout', name: 'dropout_1', rate: 0.25 })
  expect(experiment.model.layers[4]).toMatchObject({ kind: 'dense', name: 'head', kernelL2: 0.01, units: 2 })
  expect(experiment.optimizer).toMatchObject({ kind: 'sgd', momentum: 0.9 })
  expect(experiment.dataset.classes[0]).toEqual({ folder: '0', name: 'healthy' })
})

test('--set with null removes a key or a layer', async () => {
  const experiment = await variant('', { set: ['training.select=null', 'model.layers.3=null'] })
  expect(experiment.training.select).toBeNull()
  expect(experiment.model.layers.map(({ kind }) => kind)).toEqual(['conv2d', 'maxPooling2d', 'flatten', 'dense'])
})

test('a variable is taken from the environment, else from its default, and only the default may be replaced by synthetic images', async () => {
  const text = 'dataset: { root: "${DATA:-datasets/a}" }\ndescription: "costs $${5}"'
  const byDefault = await variant(text)
  expect(byDefault.dataset).toMatchObject({ root: path.join(projectRoot, 'datasets/a'), isDefaultRoot: true })
  expect(byDefault.description).toBe('costs ${5}')
  const named = await variant(text, { env: { DATA: '/data/idc' } })
  expect(named.dataset).toMatchObject({ root: '/data/idc', rootAsWritten: '${DATA:-datasets/a}', isDefaultRoot: false })
})

test('edits of the stack remove, move and set', async () => {
  const blocks = `
model:
  layers:
    - conv2d: { filters: 4, kernelSize: 3 }
    - batchNormalization
    - maxPooling2d: 2
    - dropout: 0.25
    - flatten
    - dropout: 0.5
    - dense: { units: classes, activation: softmax }
  edit:
    - remove: batchNormalization
    - { move: dropout, to: beforePooling }
    - { set: { dropout: 0.15 }, in: convolution }
    - { set: { conv2d: { useBias: false } } }
`
  const { model } = await variant(blocks)
  expect(model.layers.map(({ kind }) => kind)).toEqual(['conv2d', 'dropout', 'maxPooling2d', 'flatten', 'dropout', 'dense'])
  expect(model.layers.flatMap((layer) => ('rate' in layer ? [layer.rate] : []))).toEqual([0.15, 0.5])
  expect(model.layers[0]).toMatchObject({ filters: 4, useBias: false })
})

test('a manifest is looked for beside the file that names it', async () => {
  const experiment = await variant('split: { manifest: ../split.csv }', { cwd: '/project/a' })
  expect(experiment.split).toEqual({ kind: 'manifest', manifest: '/project/split.csv' })
})

test.each([
  ['the base', ''],
  ['every kind of layer', stacks],
  ['a cosine with warm-up', 'optimizer: { adamw: { learningRate: { cosine: { initial: 0.01, final: 0.001 }, warmup: { epochs: 1 } } } }'],
  ['steps', 'optimizer: { rmsprop: { learningRate: { step: { initial: 0.1, factor: 0.5, epochs: 2 } } } }'],
  [
    'augmentation',
    'augmentation: { rotation: 20, zoom: { in: 0.1, out: 0.2 }, shift: 0.1, shear: 0.05, flip: [horizontal], fill: reflect }',
  ],
  [
    'weights, tags and a dollar',
    'classWeights: { benign: 1, malignant: 2.5 }\ntracking: { tags: { price: "$${5}", "a.b": c } }\ndescription: "$${x}"',
  ],
  ['a root from a variable', 'dataset: { root: "${DATA:-datasets/a}", whenMissing: synthetic, onFault: { oddSize: resize } }'],
  [
    'three classes',
    'dataset: { classes: [{ folder: a, name: a }, { folder: b, name: b }, { folder: c, name: c }], positive: null }\nloss: categoricalCrossentropy',
  ],
  ['leakage', 'split: { by: image, allowLeakage: "as the ${NAME:-tutorial} does", validation: { ofTraining: 0.1 } }'],
  ['a manifest', 'split: { by: null, manifest: split.csv }'],
  ['a choice', 'training: { earlyStopping: { metric: val/loss, goal: minimize, patience: 2 } }\nevaluation: { threshold: youden }'],
  ['a wished specificity', 'evaluation: { threshold: { atSpecificity: 0.9 } }'],
])('resolved.yaml loads to the same experiment: %s', async (_, text) => {
  const experiment = await variant(text)
  const again = await loaded(load('resolved.yaml', { readFile: () => Promise.resolve(resolvedYaml(experiment)) }))
  expect(again.experiment).toEqual(experiment)
})

test('parameters are flat, short, and name no folder of the machine', async () => {
  const { experiment } = await loaded(
    load('experiments/baseline.yaml', {
      cwd: projectRoot,
      set: ['optimizer.adagrad.learningRate=0.0004', 'split={ manifest: split.csv }'],
    }),
  )
  const parameters = flattenParameters(experiment)
  expect(parameters).toMatchObject({
    'optimizer.adagrad.learningRate': '0.0004',
    'optimizer.adagrad.decay': '0.00001',
    'dataset.root': '${IDC_ROOT:-datasets/idc}',
    'dataset.classes': 'benign, malignant',
    'dataset.positive': 'malignant',
    'split.manifest': 'split.csv',
    'training.select.metric': 'val/balanced_accuracy',
    classWeights: 'maxRatio',
  })
  expect(parameters['model.layers']).toMatch(/^separableConv2d 32 3x3 relu > batchNormalization > .* > dense 2 softmax$/u)
  expect(JSON.stringify(parameters)).not.toContain(projectRoot)
})

test('what was loaded cannot be changed', async () => {
  const { dataset } = await variant('')
  expect(Object.isFrozen(dataset.classes[0])).toBe(true)
})
