/** What an editor shows of an experiment file: the real YAML language server on the committed schema. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonSchema } from '../../src/experiment/json-schema.ts'
import { layerKinds } from '../../src/experiment/schema/layers.ts'
import { startLanguageServer, type LanguageServer } from './language-server.ts'
import { projectRoot } from './load.ts'

const baseline = await readFile(`${projectRoot}/experiments/baseline.yaml`, 'utf8')
const schema = JSON.parse(await readFile(`${projectRoot}/schemas/experiment.schema.json`, 'utf8')) as JsonSchema

describe('in an editor', () => {
  let server: LanguageServer
  beforeAll(async () => {
    server = await startLanguageServer()
  })
  afterAll(() => server.stop())

  /** The baseline with a line more, or another. */
  const edited = (from: string, to: string): string => {
    if (!baseline.includes(from)) throw new Error(`baseline.yaml has no "${from}"`)
    return baseline.replace(from, to)
  }
  const labelsOf = (completions: readonly { readonly label: string }[]): string[] => completions.map(({ label }) => label).sort()

  it('the committed experiments have no squiggle', async () => {
    for (const name of ['baseline', 'smoke', 'tutorial']) {
      const text = await readFile(`${projectRoot}/experiments/${name}.yaml`, 'utf8')
      expect(await (await server.open(`${name}.yaml`, text)).squiggles, name).toEqual([])
    }
  })

  it('the sections that a file still lacks are offered, each with what it is', async () => {
    const { complete } = await server.open('sections.yaml', edited('classWeights: maxRatio\n', 'classWeights: maxRatio\nru\n'))
    const [runtime] = (await complete('\nru')).filter(({ label }) => label === 'runtime')
    expect(runtime?.documentation).toBe('What the training runs on.')
  })

  it('keys are offered inside augmentation, those that stand there left out', async () => {
    const { complete } = await server.open('augmentation.yaml', edited('  shear: 0.05 # degrees, as Keras has it\n', '  \n'))
    const offered = await complete('height: 0.1 }\n  ')
    expect(labelsOf(offered)).toEqual(['shear'])
    expect(offered[0]?.documentation).toBe('Degrees, as Keras has it; up to ± this.')
  })

  it('kinds of layers are offered in the stack', async () => {
    const { complete } = await server.open('kind.yaml', edited('    - flatten\n', '    - flatten\n    - \n'))
    expect(labelsOf(await complete('- flatten\n    - '))).toEqual(expect.arrayContaining([...layerKinds].sort()))
  })

  it('options are offered inside a layer, and words where an option takes words', async () => {
    const { complete } = await server.open('options.yaml', edited('    - flatten\n', '    - conv2d:\n        filters: 8\n        pa\n'))
    const [padding] = (await complete('\n        pa')).filter(({ label }) => label === 'padding')
    expect(padding?.documentation).toContain('zeros around the image')
    const words = await server.open('words.yaml', edited('    - flatten\n', '    - activation:\n        activation: \n'))
    expect(labelsOf(await words.complete('        activation: '))).toEqual(expect.arrayContaining(['relu', 'sigmoid', 'softmax']))
  })

  it('hovering over decay tells what it does', async () => {
    const { hover } = await server.open('hover.yaml', baseline)
    expect(await hover('learningRate: 0.01, decay')).toContain('perEpochs stands for learningRate / training.epochs')
    expect(await hover('\n  fill')).toContain('its edge, its mirror image, its other side, or black')
  })

  it('a typo has a squiggle under it', async () => {
    const misspelt = await server.open('typo.yaml', edited('  shear: 0.05', '  sheer: 0.05'))
    expect(await misspelt.squiggles).toEqual([{ text: 'sheer', message: 'Property sheer is not allowed.' }])
    const word = await server.open('word.yaml', edited('activation: softmax', 'activation: sofmax'))
    const [squiggle] = await word.squiggles
    expect(squiggle?.text).toBe('sofmax')
  })
})

describe('every key of the committed schema', () => {
  it('has a description, and so a hover text', () => {
    const keys = keysOf(schema, '')
    expect(keys.length).toBeGreaterThan(200)
    expect(keys.filter(({ description }) => (description ?? '').length < 5).map(({ path }) => path)).toEqual([])
  })
})

interface Key {
  readonly path: string
  readonly description: string | undefined
}

function keysOf(schema: JsonSchema, path: string): Key[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, child]): Key[] => [
    { path: `${path}.${key}`, description: child.description },
    ...keysOf(child, `${path}.${key}`),
  ])
  const items = Array.isArray(schema.items) ? (schema.items as readonly JsonSchema[]) : schema.items ? [schema.items as JsonSchema] : []
  const values = typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : []
  const inside = [...(schema.anyOf ?? []), ...items, ...values].flatMap((child) => keysOf(child, path))
  return [...own, ...inside]
}
