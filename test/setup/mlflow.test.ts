import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createHook } from 'node:async_hooks'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ensureMlflow } from '../../src/setup/mlflow.ts'
import { createBareCheckout, type BareCheckout } from './bare-checkout.ts'
import { projectRoot } from './tiny-project.ts'

let checkout: BareCheckout

beforeEach(() => {
  checkout = createBareCheckout()
  checkout.addWheel('mlflow', '3.17.2', 'py3-none-any', {
    'mlflow/__init__.py': "print('mlflow is here')\n",
    'mlflow/cli.py': "def main(): print('mlflow, version 3.17.2')\n",
    'mlflow-3.17.2.dist-info/entry_points.txt': '[console_scripts]\nmlflow = mlflow.cli:main\n',
  })
})
afterEach(() => {
  checkout[Symbol.dispose]()
})

const isWhole = async (): Promise<boolean> => {
  const { value } = await ensureMlflow(checkout.options)
  return value !== undefined && (await execa(value.executable)).stdout.endsWith('mlflow, version 3.17.2')
}
const sitePackages = (): string => {
  const libraries = checkout.path('.venv/lib')
  return join(libraries, readdirSync(libraries)[0] ?? '', 'site-packages')
}

it('installs once for callers at the same time, says what it does, and then starts no process', async () => {
  const outcomes = await Promise.all([ensureMlflow(checkout.options), ensureMlflow(checkout.options)])
  expect(outcomes[0]).toEqual(outcomes[1])
  const said = checkout.takeProgress()
  expect(said.filter(({ part, state }) => part === 'mlflow' && state === 'started')).toHaveLength(1)
  expect(said.at(-1)).toEqual({ part: 'mlflow', state: 'done', text: 'MLflow 3.17.2' })

  let processes = 0
  const counter = createHook({ init: (_id, type) => (processes += type === 'PROCESSWRAP' ? 1 : 0) }).enable()
  const again = await ensureMlflow(checkout.options)
  counter.disable()
  expect(again).toEqual(outcomes[0])
  expect(processes).toBe(0)
  expect(checkout.takeProgress()).toEqual([])
})

it('repairs a package that was deleted, a Python that was replaced and an environment that was removed', async () => {
  expect(await isWhole()).toBe(true)
  rmSync(join(sitePackages(), 'mlflow'), { recursive: true })
  expect(await isWhole()).toBe(true)
  rmSync(checkout.path('.venv/bin/python3'))
  expect(await isWhole()).toBe(true)
  rmSync(checkout.path('.venv'), { recursive: true })
  expect(await isWhole()).toBe(true)
})

it('repairs what was half-done when runner was killed, and leaves no pip behind', async () => {
  const script = `import { ensureMlflow } from ${JSON.stringify(pathToFileURL(join(projectRoot, 'dist/setup/mlflow.js')).href)}
    const options = ${JSON.stringify(checkout.options)}
    await ensureMlflow({ ...options, report: ({ text }) => console.log(text) })`
  const victim = execa('node', ['--input-type=module', '-e', script], { reject: false })
  for await (const line of victim) if (line.startsWith('installing MLflow')) setTimeout(() => victim.kill('SIGKILL'), 200)
  expect((await victim).signal).toBe('SIGKILL')
  expect(existsSync(checkout.path('.setup/mlflow.json'))).toBe(false)
  await expect.poll(() => processesNaming(checkout.path('.venv')), { timeout: 5000 }).toEqual([])

  // As if the kill had come in the middle of a package.
  checkout.write(`${sitePackages().slice(checkout.path('.').length)}/mlflow/leftover.py`, '')
  expect(await isWhole()).toBe(true)
  expect(existsSync(join(sitePackages(), 'mlflow/leftover.py'))).toBe(false)
})

it('shows what pip said when a package cannot be had, and the way out', async () => {
  rmSync(checkout.path('wheels'), { recursive: true })
  const { value, diagnostics } = await ensureMlflow(checkout.options)
  expect(value).toBeUndefined()
  expect(diagnostics).toMatchObject([{ code: 'pip-failed', hint: expect.stringContaining('start again') as string }])
  expect(diagnostics[0]?.message).toContain('No matching distribution found for mlflow==3.17.2')
})

/** Command lines of running processes. */
function processesNaming(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      } catch {
        return ''
      }
    })
    .filter((commandLine) => commandLine.includes(text))
}
