/** `runner ui` and what becomes of its server. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { inBrowser, lackOfChromium } from '../chromium.ts'
import { makeHome, untracked, type Home } from '../runner.ts'

let home: Home

beforeAll(async () => {
  home = await makeHome()
  const { exitCode, stderr } = await home.runner(['experiments/smoke.yaml', ...untracked, '--quiet'])
  expect(exitCode, stderr).toBe(0)
})
afterAll(() => home.remove())

it('tells MLflow of the run, opens its page until Ctrl-C, and leaves no server behind', async () => {
  const child = home.start(['ui', 'last'])
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  while (!printed.includes('\n') && child.exitCode === null) await delay(100)
  const url = printed.trim()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#\/experiments\/\d+\/runs\/[0-9a-f]{32}\?workflowType=machine_learning$/)

  // Long enough for a process that nothing keeps to be gone.
  await delay(6000)
  const server = new URL(url).origin
  const runId = /runs\/([0-9a-f]+)/.exec(url)?.[1] ?? ''
  const answer = (await (await fetch(`${server}/api/2.0/mlflow/runs/get?run_id=${runId}`)).json()) as { run: { info: { status: string } } }
  expect(answer.run.info.status).toBe('FINISHED')

  child.kill('SIGINT')
  expect((await child).exitCode).toBe(0)
  expect(existsSync(join(home.path, 'runs/mlflow/server.json'))).toBe(false)
  await expect(fetch(server)).rejects.toThrow()
})

it('shows the run’s pictures beside those of other runs, without its parameters over them', { timeout: 90_000 }, async ({ skip }) => {
  skip(lackOfChromium !== null, lackOfChromium ?? '')
  const child = home.start(['ui', 'last'])
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  while (!said.includes('Ctrl-C') && child.exitCode === null) await delay(100)
  const url = /^Beside the other runs of its experiment: (\S+)$/m.exec(said)?.[1] ?? ''
  await inBrowser(async (tab) => {
    await tab.goto(url)
    const drawn = '[...document.images].filter(({ src, naturalWidth }) => src.includes("images%2F") && naturalWidth > 0).length'
    await tab.waitForFunction(`${drawn} >= 3`, { timeout: 60_000 })
    const text = (await tab.evaluate('document.body.innerText')) as string
    expect(text).toContain('test/confusion')
    expect(text).not.toContain('dataset.layout=')
  })
  child.kill('SIGINT')
  expect((await child).exitCode).toBe(0)
})

it('names what it does not find', async () => {
  const { exitCode, stderr } = await home.runner(['ui', 'no-such-run'])
  expect(exitCode).toBe(2)
  expect(stderr).toBe(
    'error  run-unknown\n  no run, or more than one, is called "no-such-run". runner list shows them; `last` is the newest.',
  )
})
