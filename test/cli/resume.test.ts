/** A run that was killed or interrupted goes on where it was, and ends with the very weights of one that was not. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Recorded } from '../../src/journal/events.ts'
import { foldRun } from '../../src/journal/run-state.ts'
import { makeHome, untracked, type Home } from '../runner.ts'

/** Enough epochs that a kill comes in the midst of them. */
const epochs = 40
const experiment = ['experiments/smoke.yaml', ...untracked, '--set', `training.epochs=${epochs}`] as const

interface Ending {
  readonly weightsHash: string | undefined
  /** Metrics by epoch. */
  readonly metrics: readonly unknown[]
  readonly evaluated: unknown
}

function endingOf(events: readonly Recorded[]): Ending {
  const trained = events.findLast((event) => event.type === 'trained')
  const evaluated = events.findLast((event) => event.type === 'evaluated')
  const metrics = foldRun(events).committed.map(({ epoch, metrics: values }) => [epoch, values])
  return { weightsHash: trained?.weightsHash, metrics, evaluated: evaluated?.metrics }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await isSo()) return
    await delay(50)
  }
  throw new Error('it never came to that')
}

let home: Home
let undisturbed: Ending

async function committed(): Promise<number> {
  if ((await home.runs()).length === 0) return 0
  return (await home.lastRun()).events.filter(({ type }) => type === 'committed').length
}

beforeAll(async () => {
  const quiet = await makeHome()
  await quiet.start(experiment)
  undisturbed = endingOf((await quiet.lastRun()).events)
  expect(undisturbed.metrics).toHaveLength(epochs)
  await quiet.remove()
}, 120_000)

beforeEach(async () => {
  home = await makeHome()
})
afterEach(() => home.remove())

describe('runner resume', { timeout: 120_000 }, () => {
  it('after kill -9 of everything, twice, ends as if nothing had been', async () => {
    for (const enough of [5, 15]) {
      const child = home.start(enough === 5 ? experiment : ['resume'])
      await until(async () => (await committed()) >= enough)
      const { events } = await home.lastRun()
      const engine = events.findLast((event) => event.type === 'engine-started')
      child.kill('SIGKILL')
      process.kill(engine?.pid ?? 0, 'SIGKILL')
      await child.catch(() => undefined)
      expect(foldRun((await home.lastRun()).events).status).toBe('running')
    }
    // The lock of a killed process falls within ten seconds.
    await until(async () => (await home.start(['list'])).stdout.includes('killed'))
    const { exitCode, stderr } = await home.start(['resume', 'last'])
    expect(stderr).toContain('goes on')
    expect(exitCode).toBe(0)
    expect(endingOf((await home.lastRun()).events)).toEqual(undisturbed)
    expect(await home.runs()).toHaveLength(1)
  })

  it('after Ctrl-C ends as if nothing had been, and then has nothing to do', async () => {
    const child = home.start(experiment)
    await until(async () => (await committed()) >= 3)
    child.kill('SIGINT')
    expect((await child).exitCode).toBe(130)
    expect((await home.start(['resume'])).exitCode).toBe(0)
    expect(endingOf((await home.lastRun()).events)).toEqual(undisturbed)
    const again = await home.start(['resume'])
    expect(again.exitCode).toBe(1)
    expect(again.stderr).toContain('run-finished')
  })

  it('passes over a damaged checkpoint, says so, and comes to the same weights', async () => {
    const child = home.start(experiment)
    await until(async () => (await committed()) >= 4)
    child.kill('SIGINT')
    await child
    const { folder, events } = await home.lastRun()
    const last = foldRun(events).committed.at(-1)?.epoch ?? 0
    await writeFile(join(folder.checkpoints, String(last).padStart(6, '0'), 'tensors.bin'), 'damaged')
    const { exitCode, stderr } = await home.start(['resume'])
    expect(stderr).toContain(`the checkpoint of epoch ${last} cannot be used`)
    expect(exitCode).toBe(0)
    expect(endingOf((await home.lastRun()).events)).toEqual(undisturbed)
  })

  it('refuses what would change the numbers, with both values, and trains more epochs where they grow', async () => {
    await home.start(['experiments/smoke.yaml', ...untracked])
    const other = await home.start(['resume', '--set', 'training.epochs=5', '--set', 'training.batchSize=8', '--set', 'seed=8'])
    expect(other.exitCode).toBe(1)
    expect(other.stderr).toContain('training.batchSize is not what it was when the run began: expected 16, received 8')
    expect(other.stderr).toContain('seed is not what it was when the run began: expected 7, received 8')
    const { folder } = await home.lastRun()
    const environment = JSON.parse(await readFile(folder.environment, 'utf8')) as Record<string, unknown>
    await writeFile(folder.environment, JSON.stringify({ ...environment, cpu: 'another kind' }))
    const elsewhere = await home.start(['resume', '--set', 'training.epochs=5'])
    expect(elsewhere.stderr).toContain('the kind of CPU is not what it was when the run began: expected another kind')
    await writeFile(folder.environment, JSON.stringify(environment))
    expect((await home.start(['resume', '--set', 'training.epochs=5'])).exitCode).toBe(0)
    expect(foldRun((await home.lastRun()).events).committed.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5])
  })

  it('does not take up a run that stopped early, nor read its test set again', async () => {
    const early = 'training.earlyStopping={metric: val/roc_auc, goal: maximize, patience: 2}'
    await home.start([...experiment, '--set', early])
    const { exitCode, stderr } = await home.start(['resume', '--set', 'training.epochs=80'])
    expect(exitCode).toBe(1)
    expect(stderr).toContain('It stopped early')
    expect((await home.lastRun()).events.filter(({ type }) => type === 'test-read')).toHaveLength(1)
  })
})
