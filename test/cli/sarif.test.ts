import fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, it } from 'vitest'
import { checkJsonSchema } from '../setup/check-jsonschema.ts'

const projectRoot = fileURLToPath(new URL('../..', import.meta.url))
const fixture = (name: string): string => `test/fixtures/experiments/${name}/experiment.yaml`
/** SARIF's own schema, as Microsoft's package has it. */
const schema = 'node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json'

interface Log {
  readonly runs: readonly {
    readonly results: readonly {
      readonly ruleId: string
      readonly level: string
      readonly locations: readonly [
        { readonly physicalLocation?: { readonly artifactLocation: { readonly uri: string }; readonly region: object } },
      ]
    }[]
  }[]
}

it('runner check --format sarif is valid SARIF 2.1.0 and names every place', { timeout: 180_000 }, async () => {
  const files = [fixture('many/at-once'), fixture('yaml/tab'), fixture('advice/bias-before-batch-norm'), 'experiments/smoke.yaml']
  const { stdout, exitCode } = await execa('node', ['bootstrap/main.mjs', 'check', '--format', 'sarif', '--set', 'nmae=x', ...files], {
    cwd: projectRoot,
    reject: false,
  })
  expect(exitCode).toBe(1)
  const { runs } = JSON.parse(stdout) as Log
  const results = runs[0]?.results ?? []
  expect(results.find(({ ruleId }) => ruleId === 'yaml-tab')?.locations[0].physicalLocation).toMatchObject({
    artifactLocation: { uri: fixture('yaml/tab') },
    region: { startLine: 3 },
  })
  expect(results.some(({ level }) => level === 'warning')).toBe(true)
  const file = path.join(await fs.mkdtemp(path.join(tmpdir(), 'runner-sarif-')), 'log.sarif')
  await fs.writeFile(file, stdout)
  expect(await checkJsonSchema('--schemafile', schema, '--default-filetype', 'json', '--regex-variant', 'nonunicode', file)).toEqual({
    said: 'ok -- validation done',
    exitCode: 0,
  })
})
