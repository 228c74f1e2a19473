import fs from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { rules } from '../../src/experiment/load-experiment.ts'
import { adviceSchema } from '../../src/experiment/schema/advice.ts'

const projectRoot = fileURLToPath(new URL('../..', import.meta.url))
const page = await fs.readFile(path.join(projectRoot, 'docs/errors.md'), 'utf8')
const documented = [...page.matchAll(/^\| `([a-z-]+)` \|/gmu)].map(([, code = '']) => code)

async function sourcesIn(folder: string): Promise<string> {
  const entries = await fs.readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  return (await Promise.all(files.map((entry) => fs.readFile(path.join(entry.parentPath, entry.name), 'utf8')))).join('\n')
}

const source = await sourcesIn(path.join(projectRoot, 'src'))

test('every code that the source gives is explained in docs/errors.md', () => {
  const given = [...source.matchAll(/(?:\bcode: |\bfault\()'([a-z]+(?:-[a-z]+)*)'/gu)].map(([, code = '']) => code)
  expect([...new Set(given)].filter((code) => !documented.includes(code) && !documented.includes(`engine-${code}`))).toEqual([])
})

test('every rule is explained in docs/errors.md', () => {
  expect(rules.map(({ id }) => id).filter((id) => !documented.includes(id))).toEqual([])
})

test('every advice is explained in docs/errors.md, with what it weighs', () => {
  const rows = new Map([...page.matchAll(/^\| `([a-z-]+)` \| (error|warning|note) \|/gmu)].map(([, code, weight]) => [code, weight]))
  const advice = Object.entries(adviceSchema.properties).map(([id, schema]) => [id, (schema as { default?: unknown }).default] as const)
  expect(rows).toEqual(new Map(advice))
})

test('docs/errors.md explains no code that nothing gives', () => {
  expect(documented.filter((code) => !source.includes(`'${code.replace(/^engine-/u, '')}'`))).toEqual([])
})

test('docs/errors.md explains each code once', () => {
  expect(documented).toHaveLength(new Set(documented).size)
})
