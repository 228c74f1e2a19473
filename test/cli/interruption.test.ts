/** A run that is stopped, or that cannot go on: it ends orderly, says so, and its journal tells the truth. */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeHome, projectRoot, untracked, type Home } from '../runner.ts'

const smoke = 'experiments/smoke.yaml'
const endless = [smoke, ...untracked, '--set', 'training.epochs=100000'] as const
let home: Home

beforeEach(async () => {
  home = await makeHome()
})
afterEach(() => home.remove())

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await isSo()) return
    await delay(100)
  }
  throw new Error('it never came to that')
}

async function hasCommitted(): Promise<boolean> {
  return (await home.runs()).length === 1 && (await home.lastRun()).events.some(({ type }) => type === 'committed')
}

/** Processes that have the home in their environment: the engine, if it outlived its parent. */
async function processesOf(path: string): Promise<string[]> {
  const { stdout } = await execa('bash', ['-c', 'grep -lsa "RUNNER_HOME=$1" /proc/[0-9]*/environ || true', '-', path], {
    env: { RUNNER_HOME: '' },
  })
  return stdout.split('\n').filter((line) => line !== '')
}

describe('a signal', () => {
  it('before anything is trained ends at once, with 130 and no run', async () => {
    const child = home.start([smoke, ...untracked, '--set', 'dataset.synthetic.patches=50000'])
    await until(() => existsSync(join(home.path, 'datasets')))
    child.kill('SIGINT')
    const { exitCode, stdout, stderr } = await child
    expect(exitCode).toBe(130)
    expect(stdout).toBe('')
    expect(stderr).toContain('interrupted before the run began')
    expect(await home.runs()).toEqual([])
    await until(async () => (await processesOf(home.path)).length === 0)
  })

  it('SIGTERM while it trains keeps what is committed and exits 143; no process stays', async () => {
    const child = home.start(endless)
    await until(hasCommitted)
    child.kill('SIGTERM')
    const { exitCode, stdout, stderr } = await child
    expect(exitCode).toBe(143)
    expect(stderr).toContain('finishing the step')
    const { folder, events } = await home.lastRun()
    const epochs = events.filter(({ type }) => type === 'committed').length
    expect(stdout).toContain(`interrupted after epoch ${epochs} of 100000; its checkpoint is kept`)
    expect(events.at(-1)).toMatchObject({ type: 'run-ended', status: 'interrupted' })
    expect(events.some(({ type }) => type === 'test-read')).toBe(false)
    expect(await readdir(folder.checkpoints)).toContain('last')
    await until(async () => (await processesOf(home.path)).length === 0)
  })

  it('a second one does not wait for the step', async () => {
    const child = home.start(endless)
    await until(hasCommitted)
    child.kill('SIGINT')
    child.kill('SIGINT')
    expect((await child).exitCode).toBe(130)
    await until(async () => (await processesOf(home.path)).length === 0)
  })
})

describe('a training that cannot go on', () => {
  it('fails with 4 and the reason where the loss is no number any more', async () => {
    const { exitCode, stderr } = await home.runner([
      smoke,
      ...untracked,
      '--quiet',
      '--set',
      'optimizer={ sgd: { learningRate: 1.0e+38 } }',
    ])
    expect(exitCode).toBe(4)
    expect(stderr).toMatch(/^error {2}engine-non-finite\n {2}the loss became /)
    expect(stderr).toContain('lower optimizer.learningRate')
    const { events } = await home.lastRun()
    expect(events.at(-1)).toMatchObject({ type: 'run-ended', status: 'failed' })
    expect((await home.runner(['list'])).stdout).toMatch(/failed +0\/3/)
  })

  it('stops with 3 where the journal cannot be written, and leaves a journal that can be read', async () => {
    await home.runner(['split', smoke])
    // Files that may not grow beyond 40 KiB: what a full disk does to the journal, which is the only one that grows.
    const { exitCode, stderr } = await execa(
      'bash',
      ['-c', 'ulimit -f 40 && exec node bootstrap/main.mjs "$@"', '-', ...endless, '--quiet'],
      {
        cwd: projectRoot,
        env: { RUNNER_HOME: home.path, NO_COLOR: '1' },
        reject: false,
        timeout: 100_000,
      },
    )
    expect(stderr).toContain('disk-full')
    expect(exitCode).toBe(3)
    const { events } = await home.lastRun()
    expect(events.filter(({ type }) => type === 'committed').length).toBeGreaterThan(10)
    await until(async () => (await processesOf(home.path)).length === 0)
  })
})
