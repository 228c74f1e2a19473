/** A run that is stopped, or that cannot go on: it ends orderly, says so, and its journal tells the truth. */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Recorded } from '../../src/journal/events.ts'
import { makeHome, projectRoot, untracked, type Home } from '../runner.ts'

const smoke = 'experiments/smoke.yaml'
const endless = [smoke, ...untracked, '--set', 'training.epochs=100000'] as const
const cannotMount = 77
/** A home on a disk of 4 MB, which is filled once a checkpoint is there; prints the journal. */
const onFullDisk = `
  mount -t tmpfs -o size=4m tmpfs "$RUNNER_HOME" || exit ${cannotMount}
  node bootstrap/main.mjs "$@" & child=$!
  until ls "$RUNNER_HOME"/runs/smoke/*/checkpoints/last >/dev/null 2>&1; do kill -0 $child || exit 1; sleep 0.1; done
  cat /dev/zero > "$RUNNER_HOME/filler" 2>/dev/null
  wait $child; code=$?
  cat "$RUNNER_HOME"/runs/smoke/*/journal.jsonl
  exit $code`
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
    expect(stdout).toContain(`interrupted after epoch ${epochs} of 100000; its checkpoint is kept, and runner resume goes on from there`)
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
    expect(stderr).toMatch(/These images were being trained on: (\S+\.png, ){4}\S+\.png and \d+ more\. No epoch was finished/)
    const { events } = await home.lastRun()
    expect(events.at(-1)).toMatchObject({ type: 'run-ended', status: 'failed' })
    expect((await home.runner(['list'])).stdout).toMatch(/failed +0\/3/)
  })

  it('stops with 3 when the disk fills up, keeps what was committed, and leaves a journal that can be read', async (context) => {
    const { exitCode, stdout, stderr } = await execa(
      'unshare',
      ['--map-root-user', '--mount', 'bash', '-c', onFullDisk, '-', ...endless, '--quiet'],
      {
        cwd: projectRoot,
        env: { RUNNER_HOME: home.path, NO_COLOR: '1' },
        reject: false,
        timeout: 100_000,
      },
    )
    if (exitCode === undefined || exitCode === cannotMount || stderr.includes('unshare failed'))
      context.skip('a file system of its own cannot be mounted here')
    expect(stderr).toContain('ENOSPC')
    expect(exitCode).toBe(3)
    const events = stdout.split('\n').flatMap((line, index, all) => (index < all.length - 1 ? [JSON.parse(line) as Recorded] : []))
    expect(events.some(({ type }) => type === 'committed')).toBe(true)
    expect(events.some(({ type }) => type === 'test-read')).toBe(false)
  })
})
