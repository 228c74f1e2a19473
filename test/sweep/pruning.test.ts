/** A pruned sweep on the real command line: killed, run again, compared, told to a real MLflow server, taken to its end after all; and on a real Slurm. */
import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MlflowClient } from 'mlflow-js-client'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import type { Prune } from '../../src/experiment/schema/sweep.ts'
import type { Recorded } from '../../src/journal/events.ts'
import { readJournal } from '../../src/journal/journal.ts'
import { listSweeps, runsInside } from '../../src/journal/run-folder.ts'
import { foldRun } from '../../src/journal/run-state.ts'
import { readShown } from '../../src/sweep/judge-trial.ts'
import { makePruner } from '../../src/sweep/pruner.ts'
import { makeHome, projectRoot, untracked, type Home, type Ran } from '../runner.ts'
import { startTestServer, type TestServer } from '../tracking/server.ts'
import { lackOfSlurm, startSlurm } from './slurm-cluster.ts'

let home: Home
let server: TestServer
let file: string
beforeAll(async () => {
  ;[home, server] = await Promise.all([makeHome(), startTestServer()])
  file = join(home.path, 'rates.yaml')
  await writeFile(
    file,
    `extends: ${relative(home.path, join(projectRoot, 'experiments/smoke.yaml'))}
name: rates
training: { epochs: 5, select: null }
sweep:
  axes: { optimizer.adagrad.learningRate: [0.01, 0.0001, 0.003, 0.000001, 0.3, 1] }
  prune: { median: { warmup: 2, trials: 3 } }
  metric: val/loss
  parallel: 1
`,
  )
}, 120_000)
afterAll(async () => {
  await server.stop()
  await home.remove()
})

interface Trial {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly epochs: number
  readonly events: readonly Recorded[]
}

const tracked = (): Record<string, string> => ({ MLFLOW_TRACKING_URI: server.uri })
const sweep = (...options: readonly string[]): Promise<Ran> => home.runner([file, ...options], tracked())

/** Of the newest sweep. */
async function trials(place = home): Promise<readonly Trial[]> {
  const folder = (await listSweeps(join(place.path, 'runs'))).at(-1)
  const runs = folder ? await runsInside(folder.path) : []
  return Promise.all(
    runs.map(async ({ id, journal }) => {
      const { events } = await readJournal(journal)
      const { started, status, committed } = foldRun(events)
      return { id, name: started?.name ?? '', status, epochs: committed.length, events }
    }),
  )
}

function decisionsOf({ events }: Trial) {
  return events.flatMap((event) => (event.type === 'pruning' ? [event] : []))
}

function weightsOf(all: readonly Trial[]): Record<string, unknown> {
  return Object.fromEntries(all.map(({ name, events }) => [name, events.findLast((event) => event.type === 'trained')?.weightsHash]))
}

it('stops hopeless trials, says against what, and after kill -9 decides nothing twice', { timeout: 180_000 }, async () => {
  const child = home.start([file], tracked())
  while (!(await trials()).some((trial) => decisionsOf(trial).some(({ threshold }) => threshold !== null))) await delay(20)
  child.kill('SIGKILL')
  await child.catch(() => undefined)

  const { exitCode, stdout, stderr } = await sweep()
  expect(exitCode).toBe(0)
  expect(stderr).toMatch(
    /pruned +learningRate=1 {2}pruned after epoch \d of 5: val\/loss \d+\.\d{4}, and the median of [345] others has \d\.\d{4}/,
  )
  // By the metric of the sweep, which is not the usual one.
  expect(stderr).toMatch(/finished +learningRate=\S+ {2}loss \d\.\d{4} {2}roc_auc \d\.\d{4}/)
  expect(stdout).toMatch(/learningRate=1 +0\/1 +– +1 pruned/)

  const all = await trials()
  expect(all).toHaveLength(6)
  const pruned = all.filter(({ status }) => status === 'pruned')
  expect(pruned.map(({ name }) => name)).toContain('learningRate=1')
  expect(all.every(({ status }) => status === 'pruned' || status === 'finished')).toBe(true)
  for (const trial of pruned) {
    const decisions = decisionsOf(trial)
    const last = decisions.at(-1)
    expect(last).toMatchObject({ goesOn: false, rule: 'median', metric: 'val/loss', epoch: trial.epochs })
    expect(last?.comparedWith.length).toBeGreaterThanOrEqual(3)
    expect(last?.value).toBeGreaterThan(last?.threshold ?? Infinity)
    expect(trial.events.some(({ type }) => type === 'evaluated')).toBe(false)
  }
  for (const trial of all) {
    const epochs = decisionsOf(trial).map(({ epoch }) => epoch)
    expect(epochs).toEqual([2, 3, 4].slice(0, epochs.length))
  }
})

it('is shown in MLflow as stopped before its end, not as failed nor as finished', async () => {
  const client = new MlflowClient({ trackingUri: server.uri })
  const experiment = await client.getExperimentByName('smoke')
  const runs = await client.searchRuns({ experimentIds: [experiment?.experiment_id ?? ''] })
  const tagOf = (run: (typeof runs)[number], name: string) => run.data.tags?.find(({ key }) => key === name)?.value
  const worst = runs.find(({ info }) => info.run_name === 'learningRate=1')
  expect(worst?.info.status).toBe('KILLED')
  expect(worst && tagOf(worst, 'runner.pruned')).toBe('true')
  expect(worst && tagOf(worst, 'runner.reason')).toMatch(/^pruned after epoch/)
  const parent = runs.find((run) => tagOf(run, 'runner.kind') === 'sweep')
  expect(parent?.info.status).toBe('FINISHED')
  const metrics = parent?.data.metrics?.map(({ key }) => key) ?? []
  expect(metrics.some((key) => key.startsWith('mean/'))).toBe(true)
  expect(metrics).not.toContain('mean/learningRate=1')
})

it('is taken as pruned by the same command, and refused by compare', { timeout: 60_000 }, async () => {
  const before = (await trials()).map(({ id, events }) => [id, events.length])
  const again = await sweep()
  expect(again.exitCode).toBe(0)
  expect(again.stderr).toMatch(/pruned +learningRate=1/)
  expect((await trials()).map(({ id, events }) => [id, events.length])).toEqual(before)

  const all = await trials()
  const [worst, best] = [all.find(({ name }) => name === 'learningRate=1'), all.find(({ status }) => status === 'finished')]
  const compared = await home.runner(['compare', worst?.id ?? '', best?.id ?? ''])
  expect(compared.exitCode).toBe(1)
  expect(compared.stderr).toContain('it is pruned')
})

it('ends with the weights of a sweep that was never pruned once prune is taken out', { timeout: 120_000 }, async () => {
  expect((await sweep('--set', 'sweep.prune=null', ...untracked)).exitCode).toBe(0)
  const resumed = await trials()
  expect(resumed.map(({ status, epochs }) => [status, epochs])).toEqual(resumed.map(() => ['finished', 5]))
  expect((await sweep('--fresh', '--set', 'sweep.prune=null', ...untracked)).exitCode).toBe(0)
  const whole = await trials()
  expect(whole).toHaveLength(6)
  expect(weightsOf(resumed)).toEqual(weightsOf(whole))
})

it('on Slurm decides as its rule says of what the other trials have journalled', { timeout: 60_000 }, async ({ skip }) => {
  const lack = lackOfSlurm()
  skip(lack !== null, lack ?? '')
  const [away, cluster] = await Promise.all([makeHome(), startSlurm()])
  onTestFinished(async () => {
    await cluster.stop()
    await away.remove()
  })
  const prune: Prune = { median: { warmup: 1, trials: 2 } }
  const set = {
    'training.epochs': 3,
    'sweep.axes': { 'optimizer.adagrad.learningRate': [0.01, 0.003, 0.03, 1] },
    'sweep.prune': prune,
    'sweep.launcher': 'slurm',
    'sweep.parallel': 2,
  }
  const options = Object.entries(set).flatMap(([path, value]) => ['--set', `${path}=${JSON.stringify(value)}`])
  const { exitCode, stderr } = await away.runner([file, ...options, ...untracked], cluster.environment)
  expect(exitCode).toBe(0)
  expect(stderr).toMatch(/pruned +learningRate=1 {2}pruned after epoch \d of 3: val\/loss/)

  const all = await trials(away)
  expect(all).toHaveLength(4)
  expect(all.every(({ status }) => status === 'pruned' || status === 'finished')).toBe(true)
  const shown = all.flatMap(({ events }) => readShown(events, 'val/loss') ?? [])
  const pruner = makePruner(prune, 'minimize')
  for (const trial of all) {
    const [own] = shown.filter(({ run }) => run === trial.id)
    const decisions = decisionsOf(trial)
    // Asked at the end of every epoch but the last, until it is stopped.
    expect(decisions.map(({ epoch }) => epoch)).toEqual([1, 2].slice(0, trial.epochs))
    for (const { goesOn, value, threshold, comparedWith, epoch } of decisions) {
      const others = shown.filter(({ run }) => comparedWith.some((other) => other.run === run))
      expect(own && pruner.judge(own, others, epoch, 3)).toEqual({ goesOn, value, threshold, comparedWith })
    }
  }
})
