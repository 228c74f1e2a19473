/** A run that was killed or interrupted goes on where it was, and ends with the very weights of one that was not. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { foldRun } from '../../src/journal/run-state.ts'
import { keyOf, uniform } from '../../src/random/philox.ts'
import { makeHome, untracked, type Home } from '../runner.ts'
import { endingOf, type Ending } from './ending.ts'

/** Enough epochs that a kill comes in the midst of them. */
const epochs = 40
const experiment = ['experiments/smoke.yaml', ...untracked, '--set', `training.epochs=${epochs}`] as const

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await isSo()) return
    await delay(50)
  }
  throw new Error('it never came to that')
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It had ended by itself.
  }
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
  it('after kill -9 at twenty random moments of its life ends as if nothing had been', { timeout: 300_000 }, async () => {
    const hasBegun = async (): Promise<boolean> =>
      (await home.runs()).length > 0 && (await home.lastRun()).events.some(({ type }) => type === 'run-started')
    const key = keyOf(7, 'kills')
    let kills = 0
    let isWhole = false
    while (kills < 20) {
      const child = home.start((await hasBegun()) ? ['resume'] : experiment)
      const hasEnded = await Promise.race([child.then(() => true), delay(300 + 2700 * uniform(key, kills)).then(() => false)])
      if (hasEnded) {
        const { exitCode, stderr } = await child
        // The kill before came behind the end.
        expect(exitCode === 0 || stderr.includes('run-finished'), stderr).toBe(true)
        expect(endingOf((await home.lastRun()).events)).toEqual(undisturbed)
        isWhole = true
        await home.remove()
        home = await makeHome()
        continue
      }
      const engine = (await hasBegun()) ? (await home.lastRun()).events.findLast((event) => event.type === 'engine-started') : undefined
      // Everything at once, as a power cut does; or one of the two alone.
      const victim = kills % 3
      if (victim !== 1) child.kill('SIGKILL')
      if (victim !== 0 && engine) killIfAlive(engine.pid)
      if (victim === 1 && !engine) child.kill('SIGKILL')
      await child.catch(() => undefined)
      kills += 1
    }
    if (await hasBegun()) {
      const { exitCode, stderr } = await home.start(['resume'])
      expect(exitCode === 0 || stderr.includes('run-finished'), stderr).toBe(true)
      expect(endingOf((await home.lastRun()).events)).toEqual(undisturbed)
      isWhole = true
    }
    expect(isWhole).toBe(true)
  })

  it('is offered for a run that was killed, as soon as its lock has fallen', async () => {
    const child = home.start(experiment)
    await until(async () => (await committed()) >= 2)
    child.kill('SIGKILL')
    await child.catch(() => undefined)
    const { folder } = await home.lastRun()
    await until(async () => (await home.start(['list'])).stdout.includes(`Killed, goes on with  runner resume ${folder.id}`))
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
