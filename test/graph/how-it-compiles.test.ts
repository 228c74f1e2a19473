/** docs/how-it-compiles.md shows what its command prints. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, it } from 'vitest'
import { projectRoot } from '../runner.ts'

async function listed(form: string): Promise<string[]> {
  const { stdout } = await execa('node', ['scripts/list-graph.mjs', 'experiments/baseline.yaml', form], {
    cwd: projectRoot,
    timeout: 60_000,
  })
  return stdout.split('\n')
}

const page = await readFile(join(projectRoot, 'docs/how-it-compiles.md'), 'utf8')

it('shows operations as they are listed', async () => {
  const shown = page.split('\n').filter((line) => /^ +%\d+ {2}/.test(line))
  expect(shown.length).toBeGreaterThan(20)
  expect(await listed('list')).toEqual(expect.arrayContaining(shown))
})

it('counts operations and constants as they are', async () => {
  const counted = (await listed('figures')).flatMap((line) =>
    [/^(.+): (\d+) operations, (\d+) constants, (\d+) bytes/.exec(line)?.slice(1) ?? []].filter(({ length }) => length),
  )
  expect(counted).toHaveLength(3)
  for (const [step, operations, constants, bytes] of counted)
    expect(page).toContain(`| ${step} | ${operations} | ${constants} | ${Number(bytes).toLocaleString('en')} |`)
})
