/** The committed schema in the hands of another reader: Python's check-jsonschema. */
import fs from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkJsonSchema } from '../setup/check-jsonschema.ts'
import { fixtures, projectRoot } from './load.ts'

const schema = ['--schemafile', 'schemas/experiment.schema.json']
const namesIn = async (folder: string): Promise<string[]> => (await fs.readdir(folder)).map((name) => path.join(folder, name))
const experiments = (await namesIn(path.join(projectRoot, 'experiments'))).filter((file) => file.endsWith('.yaml'))

/** Faults that a schema can see in the file alone: not those of values that stand in another file or follow from the rest. */
const refusable = [
  'keys/misspelt',
  'kinds/misspelt-layer',
  'kinds/two-in-one',
  'values/flip-twice',
  'values/out-of-range',
  'advice/off-without-reason',
]

describe('check-jsonschema with schemas/experiment.schema.json', { timeout: 180_000 }, () => {
  it('accepts every experiment that is shipped', async () => {
    expect(experiments.length).toBeGreaterThan(2)
    const { said, exitCode } = await checkJsonSchema(...schema, ...experiments)
    expect(said).toBe('ok -- validation done')
    expect(exitCode).toBe(0)
  })

  it('refuses the broken files that a schema can refuse, each of them', async () => {
    const files = refusable.map((name) => path.join(fixtures, name, 'experiment.yaml'))
    const { said, exitCode } = await checkJsonSchema(...schema, '--output-format', 'json', ...files)
    const { errors } = JSON.parse(said) as { errors: readonly { filename: string }[] }
    expect(exitCode).toBe(1)
    expect(new Set(errors.map(({ filename }) => path.relative(fixtures, path.dirname(filename))))).toEqual(new Set(refusable))
  })
})
