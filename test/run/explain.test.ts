/** Three files that extend each other, and what each value of the last is. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Fault } from '../../src/diagnostics/diagnostic.ts'
import { positionAt } from '../../src/diagnostics/position.ts'
import type { Explained } from '../../src/experiment/explain.ts'
import { explainExperiment } from '../../src/run/explain.ts'
import { projectRoot } from '../runner.ts'
import { makeDesk, type Desk } from './workspace.ts'

let desk: Desk
beforeAll(async () => {
  desk = await makeDesk({ IDC_ROOT: 'elsewhere' })
  await desk.write('base.yaml', await readFile(join(projectRoot, 'experiments/baseline.yaml')))
  await desk.write('middle.yaml', 'extends: base.yaml\nname: middle\noptimizer: { adagrad: { learningRate: 0.02 } }\n')
  await desk.write('last.yaml', 'extends: middle.yaml\nname: last\nmodel:\n  edit: [{ set: { dropout: 0.15 }, in: convolution }]\n')
})
afterAll(() => desk.remove())

/** As the command line shows it: `middle.yaml:3:39`. */
async function explain(path: string, set: readonly string[] = []) {
  const { values, sources } = await explainExperiment({ file: 'last.yaml', set, path, workspace: desk.workspace })
  const written = (place: Explained['place']): string | null => {
    if (!place) return null
    const { line, column } = positionAt(sources.get(place.file) ?? '', place.offset)
    return `${place.file}:${line}:${column}`
  }
  const [own] = values
  if (!own) throw new Error('nothing explained')
  return {
    ...own,
    at: written(own.place),
    replaced: own.replaces.map(({ value, place }) => `${String(value)} at ${written(place) ?? ''}`),
    below: values.slice(1).map(({ path: below }) => below),
  }
}

async function faultOf(path: string): Promise<Fault['diagnostics'][number] | undefined> {
  const error: unknown = await explain(path).catch((fault: unknown) => fault)
  if (!(error instanceof Fault)) throw new Error('no fault')
  expect(error.exitCode).toBe(2)
  return error.diagnostics[0]
}

describe('a value is explained', () => {
  it('with the file that has the last word, and those that it replaced', async () => {
    expect(await explain('optimizer.adagrad.learningRate')).toMatchObject({
      value: 0.02,
      at: 'middle.yaml:3:39',
      replaced: ['0.01 at base.yaml:63:39'],
      default: 0.001,
      allowed: 'a number above 0, or a map with one of constant, inverseTimeDecay, cosine, step',
    })
    expect(await explain('name')).toMatchObject({
      value: 'last',
      at: 'last.yaml:2:7',
      replaced: ['middle at middle.yaml:2:7', 'baseline at base.yaml:11:7'],
      isRequired: true,
    })
  })

  it('with the setting, where --set has the last word', async () => {
    const { value, place, replaced } = await explain('optimizer.learningRate', ['seed=3', 'optimizer.learningRate=0.5'])
    expect(value).toBe(0.5)
    expect(place).toMatchObject({ file: '--set' })
    expect(replaced).toEqual(['0.02 at middle.yaml:3:39', '0.01 at base.yaml:63:39'])
  })

  it('with its default, where no file says it', async () => {
    expect(await explain('evaluation.batchSize')).toMatchObject({ value: 256, place: null, default: 256 })
    expect((await explain('evaluation.batchSize')).description).toContain('changes speed and memory, not results')
  })

  it('with the number that a word stands for', async () => {
    expect(await explain('optimizer.adagrad.decay')).toMatchObject({ value: 'perEpochs', means: String(0.02 / 40) })
    expect(await explain('model.layers.22.units')).toMatchObject({ path: 'model.layers.22.dense.units', value: 'classes', means: '2' })
    expect(await explain('split.validation.ofTraining')).toMatchObject({ value: 0.1, means: '0.08 of all images' })
    expect(await explain('model.layers.2.strides')).toMatchObject({ value: null, means: 'poolSize, 2 x 2' })
  })

  it('with the text before variables were replaced', async () => {
    expect(await explain('dataset.root')).toMatchObject({ value: 'elsewhere', written: '${IDC_ROOT:-datasets/idc}', at: 'base.yaml:15:9' })
  })

  it('from a short form, and from the edit that set it', async () => {
    expect(await explain('model.layers.2.maxPooling2d.poolSize')).toMatchObject({ value: 2, at: 'base.yaml:37:21' })
    expect(await explain('model.layers.3.dropout.rate')).toMatchObject({ value: 0.15, at: 'last.yaml:4:28' })
    expect(await explain('model.layers.21.dropout.rate')).toMatchObject({ value: 0.5, at: 'base.yaml:59:16' })
    expect((await explain('model.edit')).below).toEqual(['model.edit.0.set.dropout', 'model.edit.0.to', 'model.edit.0.in'])
  })

  it('with all that stands below it, where it is a map', async () => {
    expect((await explain('augmentation.shift')).below).toEqual(['augmentation.shift.width', 'augmentation.shift.height'])
  })

  it('even where the file makes no use of it', async () => {
    expect(await explain('optimizer.adam.beta1')).toMatchObject({ value: undefined, place: null, default: 0.9 })
  })
})

describe('a path that does not exist', () => {
  it.each([
    ['augmentation.sheer', 'Did you mean "augmentation.shear"?'],
    ['shear', 'It stands at augmentation.shear.'],
    ['optimizer.adagrad.learningrate', 'Did you mean "optimizer.adagrad.learningRate"?'],
    ['model.layers.3.rat', 'Did you mean "model.layers.3.rate"?'],
    ['model.layers.99', 'Known there: 0 … 22.'],
    ['name.first', 'A plain value stands there, and nothing below it.'],
  ])('%s is answered: %s', async (path, hint) => {
    expect(await faultOf(path)).toMatchObject({ code: 'path-unknown', hint })
  })
})

it('without a path every value is listed once, with its default or its place', async () => {
  const { values } = await explainExperiment({ file: 'last.yaml', set: [], path: null, workspace: desk.workspace })
  const paths = values.map(({ path }) => path)
  expect(new Set(paths).size).toBe(paths.length)
  expect(values.length).toBeGreaterThan(150)
  for (const { path, place, default: standard, value } of values)
    if (!place) expect(value, path).toEqual(typeof value === 'object' && value !== null ? value : (standard ?? value))
  expect(values.filter(({ description }) => description === '').map(({ path }) => path)).toEqual([])
})
