/** `runner reproduce` through the command line. */
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RunFolder } from '../../src/journal/run-folder.ts'
import { makeHome, untracked, type Home } from '../runner.ts'

let home: Home
let first: RunFolder

beforeAll(async () => {
  home = await makeHome()
  await home.runner(['experiments/smoke.yaml', ...untracked, '--quiet'])
  first = (await home.lastRun()).folder
})
afterAll(() => home.remove())

it('says that a run which is trained once more comes to the same bits, and keeps both', async () => {
  const { exitCode, stdout } = await home.runner(['reproduce', first.id, '--quiet'])
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(new RegExp(`identical to ${first.id}: \\d+ numbers and the weights, bit for bit`))
  const { events } = await home.lastRun()
  expect(events[0]).toMatchObject({ type: 'run-started', tags: { reproduces: first.id } })
  expect(await home.runs()).toHaveLength(2)
})

it('names the first number that is another, with both values, and ends with 1', async () => {
  const text = await readFile(first.journal, 'utf8')
  const loss = /"epoch":2,"step":6,"metrics":\{"train\/loss":([\d.]+)/.exec(text)?.[1] ?? ''
  await writeFile(first.journal, text.replace(loss, '0.5'))
  const { exitCode, stdout } = await home.runner(['reproduce', first.id, '--quiet'])
  expect(exitCode).toBe(1)
  expect(stdout).toContain(`not the same as ${first.id}: they part at epoch 2, train/loss`)
  expect(stdout).toMatch(new RegExp(`then {2}0\\.5\\n +now {3}${loss}`))
})

it('begins no training where the images are others', async () => {
  const text = await readFile(first.journal, 'utf8')
  await writeFile(first.journal, text.replace(/("context":"testing".*?"digest":")[0-9a-f]{4}/, '$1ffff'))
  const { exitCode, stderr } = await home.runner(['reproduce', first.id, '--quiet'])
  expect(exitCode).toBe(1)
  expect(stderr).toContain('reproduce-differs')
  expect(await home.runs()).toHaveLength(3)
})
