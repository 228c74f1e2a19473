/** The committed schema in the hands of another reader: Python's check-jsonschema. */
import fs from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkJsonSchema } from '../setup/check-jsonschema.ts'
import { fixtureNames, fixtures, load, projectRoot } from './load.ts'

const schema = ['--schemafile', 'schemas/experiment.schema.json']
const namesIn = async (folder: string): Promise<string[]> => (await fs.readdir(folder)).map((name) => path.join(folder, name))
const experiments = (await namesIn(path.join(projectRoot, 'experiments'))).filter((file) => file.endsWith('.yaml'))

/** Codes of faults that a schema can see, where they stand in the file itself and not in one that it extends. */
const seenBySchema: ReadonlySet<string> = new Set([
  'kind-needs-options',
  'listed-twice',
  'missing-key',
  'not-a-map',
  'out-of-range',
  'unknown-key',
  'unknown-value',
  'unknown-version',
  'wrong-form',
  'wrong-length',
  'wrong-type',
])
/** The options of an edit are laid over layers of any kind, a sweep's values over whatever stands at their paths: alone they may be anything. */
const unseen: ReadonlySet<string> = new Set(['model/edit-sets-nonsense', 'sweep/points'])

async function canBeRefused(leaf: string): Promise<boolean> {
  const { diagnostics } = await load('experiment.yaml', { cwd: path.join(fixtures, leaf) })
  return !unseen.has(leaf) && diagnostics.some(({ code, place }) => seenBySchema.has(code) && place?.file === 'experiment.yaml')
}

describe('check-jsonschema with schemas/experiment.schema.json', { timeout: 180_000 }, () => {
  it('accepts every experiment that is shipped', async () => {
    expect(experiments.length).toBeGreaterThan(2)
    const { said, exitCode } = await checkJsonSchema(...schema, ...experiments)
    expect(said).toBe('ok -- validation done')
    expect(exitCode).toBe(0)
  })

  it('refuses the broken files that a schema can refuse, each of them', async () => {
    const leaves = await fixtureNames()
    const can = await Promise.all(leaves.map(canBeRefused))
    const refusable = leaves.filter((_, index) => can[index])
    expect(refusable.length).toBeGreaterThan(20)
    const files = refusable.map((name) => path.join(fixtures, name, 'experiment.yaml'))
    const { said, exitCode } = await checkJsonSchema(...schema, '--output-format', 'json', ...files)
    const { errors } = JSON.parse(said) as { errors: readonly { filename: string }[] }
    expect(exitCode).toBe(1)
    expect(new Set(errors.map(({ filename }) => path.relative(fixtures, path.dirname(filename))))).toEqual(new Set(refusable))
  })
})
