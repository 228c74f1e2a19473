/** Valid files with nodes deleted, renamed, retyped and moved: every outcome is an experiment, or faults with places inside their files. */
import fs from 'node:fs/promises'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isMap, isScalar, isSeq, parse, parseDocument, visit } from 'yaml'
import type { Document, Node } from 'yaml'
import type { Loaded } from '../../src/experiment/load-experiment.ts'
import { resolvedYaml } from '../../src/experiment/resolved-yaml.ts'
import { load, projectRoot } from './load.ts'

const text = await fs.readFile(`${projectRoot}/experiments/baseline.yaml`, 'utf8')

/** The committed schema in the hands of ajv alone. */
const schema = JSON.parse(await fs.readFile(`${projectRoot}/schemas/experiment.schema.json`, 'utf8')) as object
const acceptedByAjv = new Ajv({ strict: false }).compile(schema)

const mutation = fc.record({
  at: fc.nat(),
  how: fc.constantFrom('delete', 'rename', 'retype', 'repeat', 'reverse'),
  value: fc.oneof(
    fc.constantFrom<unknown>(null, true, '', 'no', '1e-2', '${', '${A:-b}', -1, 0, 0.5, 1e9, [], {}, [1, 2, 3], 'perEpochs', 'flatten', {
      dropout: 2,
    }),
    fc.string({ maxLength: 12 }),
    fc.double(),
  ),
})
type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never

function nodesOf(document: Document): Node[] {
  const nodes: Node[] = []
  visit(document, { Node: (_, node) => void nodes.push(node) })
  return nodes
}

function mutate(document: Document, { at, how, value }: Mutation): void {
  const nodes = nodesOf(document)
  const node = nodes[at % nodes.length]
  if (isScalar(node)) {
    if (how === 'rename' && typeof node.value === 'string') node.value = `${node.value.slice(1)}x`
    else node.value = how === 'delete' ? null : typeof value === 'object' ? 7 : value
  } else if (isMap(node) || isSeq(node)) {
    const { items } = node as { items: unknown[] }
    if (how === 'delete') items.splice(at % Math.max(1, items.length), 1)
    else if (how === 'reverse') items.reverse()
    else if (how === 'repeat' && isSeq(node)) items.push(...items.slice(0, 1))
    else if (isSeq(node)) items[at % Math.max(1, items.length)] = document.createNode(value)
    else if (isMap(node) && node.items[0]) node.items[0].value = document.createNode(value)
  }
}

/** An experiment that loads again as it is, or faults that all have a place inside their file. */
async function expectToldInFull({ value, diagnostics, sources }: Loaded): Promise<void> {
  if (value) {
    const again = await load('resolved.yaml', { readFile: () => Promise.resolve(resolvedYaml(value.experiment)), cwd: projectRoot })
    expect(again.value?.experiment).toEqual(value.experiment)
    return
  }
  expect(diagnostics.length).toBeGreaterThan(0)
  for (const { place, code } of diagnostics) {
    expect(place, code).toBeDefined()
    expect(place?.offset).toBeGreaterThanOrEqual(0)
    expect(place?.offset).toBeLessThanOrEqual(sources.get(place?.file ?? '')?.length ?? -1)
  }
}

async function expectHeldAgainstAjv(text: string): Promise<void> {
  const loaded = await load('mutated.yaml', { readFile: () => Promise.resolve(text), cwd: projectRoot })
  if (loaded.value) expect(acceptedByAjv(parse(text)), JSON.stringify(acceptedByAjv.errors)).toBe(true)
  await expectToldInFull(loaded)
}

test('no mutation of the nodes crashes the loader or leaves a fault without a place', async () => {
  const cases = fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (mutations) => {
    const document = parseDocument(text)
    for (const one of mutations) mutate(document, one)
    await expectHeldAgainstAjv(document.toString({ lineWidth: 0 }))
  })
  await fc.assert(cases, { numRuns: 1000, seed: 7 })
})

test('no mutation of the text does either', async () => {
  const cut = fc.record({
    from: fc.nat(text.length),
    length: fc.nat(40),
    insert: fc.oneof(
      fc.constantFrom(':', '- ', '&a ', '*a', '{', ']', '"', '\t', '\n', '${', '#', '!!set ', '<<: '),
      fc.string({ maxLength: 5 }),
    ),
  })
  const cases = fc.asyncProperty(cut, async ({ from, length, insert }) => {
    await expectHeldAgainstAjv(text.slice(0, from) + insert + text.slice(from + length))
  })
  await fc.assert(cases, { numRuns: 1000, seed: 7 })
})

test('nor does one of a file that is extended, of the one that extends it, or of what --set says', async () => {
  const child =
    'extends: base.yaml\nname: child\ntraining: { epochs: 3, earlyStopping: { metric: val/loss, patience: 2 } }\noptimizer: { adam: {} }\n'
  const key = fc.constantFrom(
    'seed',
    'training',
    'training.epochs',
    'model.layers.0.filters',
    'model.layers.99',
    'optimizer.sgd',
    'split.by',
    '',
    'a..b',
    '.',
  )
  const setting = fc.tuple(key, fc.oneof(fc.json({ maxDepth: 2 }), fc.string({ maxLength: 8 }))).map(([path, value]) => `${path}=${value}`)
  const cases = fc.asyncProperty(mutation, mutation, fc.array(setting, { maxLength: 2 }), async (below, above, set) => {
    const [base, variant] = [parseDocument(text), parseDocument(child)]
    mutate(base, below)
    mutate(variant, above)
    const readFile = (file: string) => Promise.resolve((file.endsWith('variant.yaml') ? variant : base).toString({ lineWidth: 0 }))
    await expectToldInFull(await load('variant.yaml', { readFile, cwd: projectRoot, set }))
  })
  await fc.assert(cases, { numRuns: 600, seed: 7 })
})
