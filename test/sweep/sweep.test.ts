/** A sweep on the real command line: killed in the midst of it, run again, and told to a real MLflow server. */
import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MlflowClient, type Run } from 'mlflow-js-client'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readJournal } from '../../src/journal/journal.ts'
import { foldRun } from '../../src/journal/run-state.ts'
import { makeHome, projectRoot, type Home, type Ran } from '../runner.ts'
import { startTestServer, type TestServer } from '../tracking/server.ts'

let home: Home
let server: TestServer
let file: string
beforeAll(async () => {
  ;[home, server] = await Promise.all([makeHome(), startTestServer()])
  file = join(home.path, 'learning-rate.yaml')
  await writeFile(
    file,
    `extends: ${relative(home.path, join(projectRoot, 'experiments/smoke.yaml'))}
name: learning-rate
sweep:
  variants: { slow: {}, mad: { optimizer: { sgd: { learningRate: 1e30 } } } }
  repeats: 2
`,
  )
}, 120_000)
afterAll(async () => {
  await server.stop()
  await home.remove()
})

const tracked = (): Record<string, string> => ({ MLFLOW_TRACKING_URI: server.uri })
const sweep = (...options: readonly string[]): Promise<Ran> => home.runner([file, ...options], tracked())

async function statesByName(): Promise<Record<string, string>> {
  const entries = (await home.runs()).map(async ({ journal }) => {
    const { started, status } = foldRun((await readJournal(journal)).events)
    return [started?.name ?? '', status] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

async function mlflowRuns(): Promise<readonly Run[]> {
  const client = new MlflowClient({ trackingUri: server.uri })
  const experiment = await client.getExperimentByName('smoke')
  return client.searchRuns({ experimentIds: [experiment?.experiment_id ?? ''] })
}

function tagOf({ data }: Run, key: string): string | undefined {
  return data.tags?.find((tag) => tag.key === key)?.value
}

it('is taken up by the same command after kill -9, each point once, under one parent in MLflow', { timeout: 180_000 }, async () => {
  const child = home.start([file], tracked())
  while (!Object.values(await statesByName()).includes('finished')) await delay(20)
  child.kill('SIGKILL')
  await child.catch(() => undefined)

  const { exitCode, stdout, stderr } = await sweep()
  expect(stderr).toMatch(/mad seed=7 {2}the loss became NaN|mad seed=7 {2}at the end of epoch 1/)
  expect(exitCode).toBe(4)
  expect(stdout).toMatch(/slow +2 +0\.\d{4}/)
  expect(stdout).toContain('2 of 4 points are missing')
  expect(await statesByName()).toEqual({
    'slow seed=7': 'finished',
    'slow seed=8': 'finished',
    'mad seed=7': 'failed',
    'mad seed=8': 'failed',
  })
  expect(await home.runs()).toHaveLength(4)

  const runs = await mlflowRuns()
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
})

it('reads no test image unless it is told to', async () => {
  for (const { journal } of await home.runs()) {
    const { events } = await readJournal(journal)
    expect(events.some(({ type }) => type === 'test-read')).toBe(false)
  }
})

it('runs nothing again that is done, and what failed only when it is asked to', { timeout: 120_000 }, async () => {
  const before = (await home.runs()).map(({ id }) => id)
  const again = await sweep()
  expect(again.stderr).toContain('reused       slow seed=7')
  expect((await home.runs()).map(({ id }) => id)).toEqual(before)
  const retried = await sweep('--failed', '--set', 'sweep.repeats=1')
  expect(retried.exitCode).toBe(4)
  const added = (await home.runs()).filter(({ id }) => !before.includes(id))
  expect(added.map(({ id }) => id.replace(/^\d+-\d+-|-\w{4}$/g, ''))).toEqual(['mad'])
})
