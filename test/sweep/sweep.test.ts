/** A sweep on the real command line, on this machine and on a real Slurm: interrupted, killed, run again, and told to a real MLflow server. */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MlflowClient, type Run } from 'mlflow-js-client'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Recorded } from '../../src/journal/events.ts'
import { readJournal } from '../../src/journal/journal.ts'
import { listSweeps, runsInside } from '../../src/journal/run-folder.ts'
import { foldRun } from '../../src/journal/run-state.ts'
import { inBrowser, lackOfChromium } from '../chromium.ts'
import { makeHome, projectRoot, type Home, type Ran } from '../runner.ts'
import { startTestServer, type TestServer } from '../tracking/server.ts'
import { lackOfSlurm, startSlurm, type SlurmCluster } from './slurm-cluster.ts'

const noSlurm = lackOfSlurm()
let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
}, 120_000)
afterAll(() => server.stop())

type LauncherName = 'local' | 'slurm'
/** Of the trials that finished, by launcher and trial. */
const weights: Partial<Record<LauncherName, Record<string, string>>> = {}

/** A home with a sweep in it. */
class Place {
  readonly home: Home
  readonly launcher: LauncherName
  readonly environment: Readonly<Record<string, string>>
  readonly file: string

  constructor(home: Home, launcher: LauncherName, environment: Readonly<Record<string, string>>) {
    this.home = home
    this.launcher = launcher
    this.environment = { ...environment, MLFLOW_TRACKING_URI: server.uri }
    this.file = join(home.path, 'learning-rate.yaml')
  }

  async write(): Promise<void> {
    const text = `extends: ${relative(this.home.path, join(projectRoot, 'experiments/smoke.yaml'))}
name: learning-rate
training: { epochs: 100 }
tracking: { experiment: ${this.launcher} }
sweep:
  variants: { slow: {}, mad: { optimizer: { sgd: { learningRate: 1e30 } } } }
  repeats: 2
  parallel: 2
  launcher: ${this.launcher}
`
    await writeFile(this.file, text)
  }

  sweep(...options: readonly string[]): Promise<Ran> {
    return this.home.runner([this.file, ...options], this.environment)
  }

  start(...options: readonly string[]): ReturnType<Home['start']> {
    return this.home.start([this.file, ...options], this.environment)
  }

  /** Resolves once it is there: until then the newest sweep is the one before. */
  async startFresh(...options: readonly string[]): Promise<{ readonly running: ReturnType<Home['start']> }> {
    const sweeps = async (): Promise<number> => (await listSweeps(join(this.home.path, 'runs'))).length
    const before = await sweeps()
    const running = this.start('--fresh', ...options)
    await until(async () => (await sweeps()) > before)
    return { running }
  }

  /** Of the newest sweep's trials, by name. */
  async trials(): Promise<Record<string, readonly Recorded[]>> {
    const newest = (await listSweeps(join(this.home.path, 'runs'))).at(-1)
    const entries = (newest ? await runsInside(newest.path) : []).map(async ({ journal }) => {
      const { events } = await readJournal(journal)
      return [foldRun(events).started?.name ?? '', events] as const
    })
    return Object.fromEntries(await Promise.all(entries))
  }

  async states(): Promise<Record<string, string>> {
    return Object.fromEntries(Object.entries(await this.trials()).map(([name, events]) => [name, foldRun(events).status]))
  }

  async weights(): Promise<Record<string, string>> {
    const trained = Object.entries(await this.trials()).flatMap(([name, events]) =>
      events.flatMap((event) => (event.type === 'trained' ? [[name, event.weightsHash] as const] : [])),
    )
    return Object.fromEntries(trained)
  }

  async mlflowRuns(): Promise<readonly Run[]> {
    const client = new MlflowClient({ trackingUri: server.uri })
    const experiment = await client.getExperimentByName(this.launcher)
    return client.searchRuns({ experimentIds: [experiment?.experiment_id ?? ''] })
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(20)
}

function epochsOf(events: readonly Recorded[]): number {
  return foldRun(events).committed.length
}

function tagOf({ data }: Run, key: string): string | undefined {
  return data.tags?.find((tag) => tag.key === key)?.value
}

describe.each(['local', 'slurm'] as const)('a sweep, launcher %s,', (launcher) => {
  let cluster: SlurmCluster | null = null
  let place: Place
  beforeEach(({ skip }) => skip(launcher === 'slurm' && noSlurm !== null, noSlurm ?? ''))
  beforeAll(async () => {
    if (launcher === 'slurm' && noSlurm === null) cluster = await startSlurm()
    place = new Place(await makeHome(), launcher, cluster?.environment ?? {})
    await place.write()
  }, 120_000)
  afterAll(async () => {
    await cluster?.stop()
    await place.home.remove()
  })

  it(
    'is taken up by the same command after Ctrl-C and kill -9, each point once, under one parent in MLflow',
    { timeout: 180_000 },
    async () => {
      const interrupted = place.start()
      await until(async () => Object.values(await place.trials()).some((events) => epochsOf(events) > 0))
      interrupted.kill('SIGINT')
      expect((await interrupted).exitCode).toBe(130)
      const killed = place.start()
      await until(async () => Object.values(await place.states()).includes('finished'))
      killed.kill('SIGKILL')
      await killed.catch(() => undefined)

      const { exitCode, stdout, stderr } = await place.sweep()
      expect(stderr).toMatch(/mad seed=7 {2}the loss became NaN|mad seed=7 {2}at the end of epoch 1/)
      expect(exitCode).toBe(4)
      expect(stdout).toMatch(/slow +2 +0\.\d{4}/)
      expect(stdout).toContain('2 of 4 points are missing')
      expect(await place.states()).toEqual({
        'slow seed=7': 'finished',
        'slow seed=8': 'finished',
        'mad seed=7': 'failed',
        'mad seed=8': 'failed',
      })
      expect(await place.home.runs()).toHaveLength(4)
      weights[launcher] = await place.weights()

      const runs = await place.mlflowRuns()
      const [parent, ...others] = runs.filter((run) => tagOf(run, 'runner.kind') === 'sweep')
      expect(others).toEqual([])
      expect(parent?.info.status).toBe('FAILED')
      expect(parent?.data.metrics?.map(({ key }) => key)).toEqual(expect.arrayContaining(['mean/slow', 'low/slow', 'high/slow', 'best']))
      const trials = runs.filter((run) => tagOf(run, 'mlflow.parentRunId') === parent?.info.run_id)
      expect(trials.map((run) => [run.info.run_name, run.info.status]).sort()).toEqual([
        ['mad seed=7', 'FAILED'],
        ['mad seed=8', 'FAILED'],
        ['slow seed=7', 'FINISHED'],
        ['slow seed=8', 'FINISHED'],
      ])
      expect(trials.map((run) => tagOf(run, 'axis.variant')).sort()).toEqual(['mad', 'mad', 'slow', 'slow'])
    },
  )

  it('reads no test image unless it is told to', async () => {
    for (const events of Object.values(await place.trials())) expect(events.some(({ type }) => type === 'test-read')).toBe(false)
  })

  it('runs nothing again that is done, and what failed only when it is asked to', { timeout: 120_000 }, async () => {
    const before = (await place.home.runs()).map(({ id }) => id)
    const again = await place.sweep()
    expect(again.stderr).toContain('reused       slow seed=7')
    expect((await place.home.runs()).map(({ id }) => id)).toEqual(before)
    const retried = await place.sweep('--failed', '--set', 'sweep.repeats=1')
    expect(retried.exitCode).toBe(4)
    expect(retried.stdout).toContain(`1 of 2 points are missing: runner ${place.file} --set sweep.repeats=1 --failed`)
    const added = (await place.home.runs()).filter(({ id }) => !before.includes(id))
    expect(added.map(({ id }) => id.replace(/^\d+-\d+-|-\w{4}$/g, ''))).toEqual(['mad'])
  })

  it('comes to the weights of the other launchers', ({ skip }) => {
    skip(launcher === 'local', 'it is the first')
    expect(Object.keys(weights[launcher] ?? {}).sort()).toEqual(['slow seed=7', 'slow seed=8'])
    expect(weights[launcher]).toEqual(weights.local)
  })

  if (launcher === 'local') {
    it(
      'is shown by MLflow in a real browser with its trials under their variants, by the sweep’s metric',
      { timeout: 90_000 },
      async ({ skip }) => {
        skip(lackOfChromium !== null, lackOfChromium ?? '')
        const [sweep] = await listSweeps(join(place.home.path, 'runs'))
        const pages = place.home.start(['ui', sweep?.path ?? ''], place.environment)
        const url = await new Promise<string>((resolve) => pages.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())))
        await inBrowser(async (tab) => {
          await tab.goto(url)
          const says = (...words: readonly string[]) => `${JSON.stringify(words)}.every((word) => document.body.innerText.includes(word))`
          await tab.waitForFunction(says('Group: slow', 'slow seed=7', 'slow seed=8'), { timeout: 60_000 })
        })
        pages.kill('SIGINT')
        expect((await pages).exitCode).toBe(0)
      },
    )
    return
  }

  describe('on Slurm', () => {
    const onlySlow = ['--set', 'sweep.variants.mad=null']
    /** `A_a`, as soon as that trial has kept an epoch. */
    const training = async (index: number): Promise<string> => {
      const name = ['slow seed=7', 'slow seed=8'][index] ?? ''
      await until(async () => epochsOf((await place.trials())[name] ?? []) > 0)
      const [id = ''] = (await cluster?.ask('squeue', '-h', '-o', '%F'))?.split('\n') ?? []
      return `${id}_${index}`
    }
    const ask = (...words: readonly string[]): Promise<string | undefined> => {
      const [program = '', ...args] = words
      return cluster?.ask(program, ...args) ?? Promise.resolve(undefined)
    }

    it(
      'goes on by itself after a requeue and after the warning that its time is up, to the same weights',
      { timeout: 120_000 },
      async () => {
        const { running } = await place.startFresh(...onlySlow)
        const [first, second] = [await training(0), await training(1)]
        await Promise.all([ask('scontrol', 'requeue', first), ask('scancel', '--signal=USR2', '--batch', second)])
        const { exitCode, stderr } = await running
        expect(stderr).not.toContain('interrupted')
        expect(exitCode).toBe(0)
        for (const events of Object.values(await place.trials()))
          expect(events.filter(({ type }) => type === 'engine-started')).toHaveLength(2)
        expect(await place.weights()).toEqual(weights.local)
      },
    )

    it('says which trials were cancelled, and the same command runs them', { timeout: 120_000 }, async () => {
      const { running } = await place.startFresh(...onlySlow, '--set', 'sweep.parallel=1')
      const task = await training(0)
      await ask('scancel', task.replace('_0', '_1'))
      await ask('scancel', task)
      const { exitCode, stderr } = await running
      expect(stderr).toMatch(/interrupted +slow seed=7 {2}its Slurm task \d+_0 was cancelled/)
      expect(stderr).toMatch(/interrupted +slow seed=8 {2}its Slurm task \d+_1 was cancelled/)
      expect(exitCode).toBe(143)
      const again = await place.sweep(...onlySlow)
      expect(again.exitCode).toBe(0)
      expect(await place.weights()).toEqual(weights.local)
    })
  })
})

it('says that there is no Slurm before anything begins', async () => {
  const home = await makeHome()
  try {
    const bin = join(home.path, 'bin')
    await mkdir(bin)
    await symlink(process.execPath, join(bin, 'node'))
    const file = join(projectRoot, 'experiments/sweeps/dropout-placement.yaml')
    const { exitCode, stderr } = await home.runner([file, '--set', 'sweep.launcher=slurm'], { PATH: bin })
    expect(stderr).toContain('there is no sbatch')
    expect(stderr).toContain('--set sweep.launcher=local')
    expect(exitCode).toBe(3)
    expect(await home.runs()).toEqual([])
  } finally {
    await home.remove()
  }
})
