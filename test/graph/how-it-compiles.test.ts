/** docs/how-it-compiles.md shows what its command writes. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeHome, projectRoot, type Home } from '../runner.ts'

const page = await readFile(join(projectRoot, 'docs/how-it-compiles.md'), 'utf8')
let home: Home
let listed: string[]
beforeAll(async () => {
  home = await makeHome()
  const file = join(home.path, 'graph.txt')
  // Without images the plan ends with a fault, and the graphs are written all the same.
  await home.runner(['plan', join(projectRoot, 'experiments/baseline.yaml'), '--graph', file, '--set', 'dataset.root=nowhere'])
  listed = (await readFile(file, 'utf8')).split('\n')
})
afterAll(() => home.remove())

it('shows operations as they are listed', () => {
  const shown = page.split('\n').filter((line) => /^ +%\d+ {2}/.test(line))
  expect(shown.length).toBeGreaterThan(20)
  expect(listed).toEqual(expect.arrayContaining(shown))
})

it('counts operations and constants as they are', () => {
  const counted = [...listed.join('\n').matchAll(/^# (\w+), (\d+) images\n(\d+) operations, (\d+) constants$/gm)].map(
    ([, ...cells]) => cells,
  )
  expect(counted).toHaveLength(2)
  for (const [step, batch, operations, constants] of counted)
    expect(page).toContain(`| ${step} at ${batch} | ${operations} | ${constants} |`)
})
