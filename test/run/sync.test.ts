/** What `runner sync` and the other commands tell MLflow of runs that ended long ago, or were killed. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MlflowClient } from 'mlflow-js-client'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { compareRuns } from '../../src/run/compare.ts'
import { describeRuns } from '../../src/run/list.ts'
import { recordComparison } from '../../src/run/record-comparison.ts'
import { settleKilledRuns } from '../../src/run/settle.ts'
import { syncRuns } from '../../src/run/sync.ts'
import type { StoryEvent } from '../../src/run/story.ts'
import type { Workspace } from '../../src/run/workspace.ts'
import { syncRun } from '../../src/tracking/sync-run.ts'
import { projectRoot } from '../runner.ts'
import { beginRun, endRun, epoch, type WrittenRun } from '../tracking/journals.ts'
import { writeRun } from './compared-runs.ts'
import { startTestServer, type TestServer } from '../tracking/server.ts'

let server: TestServer
let client: MlflowClient
beforeAll(async () => {
  server = await startTestServer()
  client = new MlflowClient({ trackingUri: server.uri })
})
afterAll(() => server.stop())

/** A home of its own for each test. */
function workspaceOf(name: string, uri = server.uri): Workspace {
  const home = join(server.scratch, name)
  return { projectRoot, home, cwd: home, environment: { MLFLOW_TRACKING_URI: uri }, now: Date.now }
}

async function statusOf({ folder }: WrittenRun): Promise<string | undefined> {
  const experiment = await client.getExperimentByName('tracking test')
  const filter = `tags.\`runner.run\` = '${folder.id}'`
  return (await client.searchRuns({ experimentIds: [experiment?.experiment_id ?? ''], filter }))[0]?.info.status
}

const silent = (): void => undefined

it('a run that was killed is KILLED in MLflow after the next list, and not while it is written', async () => {
  const workspace = workspaceOf('killed')
  const run = await beginRun(join(workspace.home, 'runs'), 'killed')
  await run.append(...epoch(1))
  await syncRun(run.folder, run.events, client)
  await settleKilledRuns(workspace, silent)
  expect(await statusOf(run)).toBe('RUNNING')

  await run.journal.close()
  const said: StoryEvent[] = []
  await settleKilledRuns(
    { ...workspace, environment: { MLFLOW_TRACKING_URI: 'http://127.0.0.1:9', MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0' } },
    (event) => said.push(event),
  )
  expect(said).toMatchObject([
    { type: 'tracking-failed', message: expect.stringMatching(/RUNNING: http:\/\/127.0.0.1:9 does not answer/) as string },
  ])
  await settleKilledRuns(workspace, silent)
  expect(await statusOf(run)).toBe('KILLED')
  // Nobody is asked again: there is no such server.
  await settleKilledRuns(workspaceOf('killed', 'http://127.0.0.1:9'), (event) => said.push(event))
  expect(said).toHaveLength(1)
})

it('of all runs says what was sent, what is missing and what was refused, and one keeps no other from being told', async () => {
  const workspace = workspaceOf('all')
  const runs = join(workspace.home, 'runs')
  const gone = await beginRun(runs, 'a-incomplete')
  await gone.append(...epoch(1), ...epoch(2))
  await endRun(gone)
  await rm(gone.folder.model, { recursive: true })
  const refused = await beginRun(runs, 'b-refused', {}, 'deleted experiment')
  await client.deleteExperiment(await client.createExperiment('deleted experiment'))
  const whole = await beginRun(runs, 'c-whole')
  await endRun(whole)
  for (const { journal } of [gone, refused, whole]) await journal.close()

  const synced = await syncRuns(null, workspace, silent)
  expect(synced).toMatchObject([
    { run: gone.folder.id, told: { metrics: 4, artifacts: 1 }, fault: { code: 'run-files-missing', severity: 'warning' } },
    { run: refused.folder.id, told: null, fault: { code: 'tracking-refused', severity: 'error' } },
    { run: whole.folder.id, told: { metrics: 2, artifacts: 2 }, fault: null },
  ])
  expect(synced[0]?.fault?.message).toContain('MLflow has not got model')
  expect(synced[1]?.fault?.message).toContain('mlflow experiments restore')
  expect((await syncRuns(whole.folder.id, workspace, silent))[0]?.told).toMatchObject({ metrics: 0, artifacts: 0 })
})

it('ends with a fault where no server answers', async () => {
  const workspace = workspaceOf('none', 'http://anna:geheim@127.0.0.1:9')
  const run = await beginRun(join(workspace.home, 'runs'), 'none')
  await run.journal.close()
  const fault: unknown = await syncRuns('last', workspace, silent).catch((error: unknown) => error)
  expect(fault).toMatchObject({
    exitCode: 3,
    message: expect.stringMatching(/^tracking-unavailable: http:\/\/127.0.0.1:9 does not answer/) as string,
  })
  expect(JSON.stringify(fault)).not.toContain('geheim')
})

it('has a comparison as a run of its own, once, and the list of runs has not', async () => {
  const workspace = workspaceOf('comparison')
  const made = [1.5, 2.5].map((separation, index) =>
    writeRun(workspace.home, index, { set: [`seed=${index}`, 'split.seed=7', `model.layers.3.dropout=${separation / 10}`], separation }),
  )
  const runs = (await Promise.all(made)).map(({ id }) => id)
  const compared = await compareRuns({ runs, groups: [], split: 'validation', metric: null, reference: null, workspace, listen: silent })
  const { folder, tracking } = await recordComparison(compared, '<html></html>', workspace, silent)
  expect(tracking).toMatchObject({ isComplete: true })
  const synced = await syncRuns(null, workspace, silent)
  expect(synced.find(({ run }) => run === folder.id)?.told).toMatchObject({ metrics: 0, artifacts: 0 })

  const experiment = await client.getExperimentByName('smoke')
  const found = await client.searchRuns({ experimentIds: [experiment?.experiment_id ?? ''], filter: "tags.`runner.kind` = 'comparison'" })
  expect(found).toHaveLength(1)
  const metrics = new Map(found[0]?.data.metrics?.map(({ key, value }) => [key, value]))
  expect(metrics.get('difference/smoke dropout 0.15 - smoke dropout 0.25')).toBeCloseTo(compared.comparison.pairs[0]?.difference ?? NaN, 6)
  expect(found[0]?.info.status).toBe('FINISHED')
  expect((await client.listArtifacts(found[0]?.info.run_id ?? '')).map(({ path }) => path)).toEqual(['comparison.html', 'comparison.json'])
  expect((await describeRuns(workspace)).map(({ id }) => id)).not.toContain(folder.id)
})
