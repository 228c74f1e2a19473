/** A journal told to a real MLflow server, live and afterwards, and read back with MLflow's own client. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MlflowClient, type Run } from 'mlflow-js-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readReceipt } from '../../src/tracking/receipt.ts'
import { freshMemory, syncRun } from '../../src/tracking/sync-run.ts'
import { startTracker } from '../../src/tracking/tracker.ts'
import { beginRun, endRun, epoch, lossOf, type WrittenRun } from './journals.ts'
import { readBack as readRun, type ReadBack } from './read-back.ts'
import { startTestServer, type TestServer } from './server.ts'

let server: TestServer
let client: MlflowClient
let runs: string
beforeAll(async () => {
  server = await startTestServer()
  runs = join(server.scratch, 'runs')
  client = new MlflowClient({ trackingUri: server.uri })
})
afterAll(() => server.stop())

const readBack = (run: WrittenRun, uri = server.uri): Promise<ReadBack> =>
  readRun(uri, run.folder.id, join(server.scratch, `download-${run.folder.id}`))

async function runsOf({ folder }: WrittenRun): Promise<readonly Run[]> {
  const experiment = await client.getExperimentByName('tracking test')
  return client.searchRuns({ experimentIds: [experiment?.experiment_id ?? ''], filter: `tags.\`runner.run\` = '${folder.id}'` })
}

const epochs = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => epoch(from + index)).flat()
const history = (to: number) => Array.from({ length: to }, (_, index) => [index + 1, lossOf(index + 1)])

describe('a finished run', () => {
  it('is whole for MLflow’s own client, and telling it again adds nothing', async () => {
    const run = await beginRun(runs, 'whole', { synthetic: 'true', 'mlflow.user': 'anna' })
    await run.append(...epochs(1, 40))
    await endRun(run)
    const report = await syncRun(run.folder, run.events, client)
    expect(report).toMatchObject({ metrics: 42, artifacts: 2, missing: [] })
    const found = await readBack(run)
    expect(found).toMatchObject({ count: 1, status: 'FINISHED', name: 'whole', end: run.events.at(-1)?.at })
    expect(found.params).toEqual({ 'optimizer.adagrad.learningRate': '0.01', 'model.layers': 'flatten, dense(2)' })
    expect(found.tags).toMatchObject({
      synthetic: 'true',
      'mlflow.user': 'anna',
      'mlflow.note.content': 'A run of a test.',
      'runner.device': 'cpu',
    })
    expect(found.histories['val/loss']).toEqual(history(40))
    expect(found.histories['test/roc_auc']).toEqual([[0, 0.9123457]])
    expect([...found.inputs].sort()).toEqual([
      ['idc-testing', '2'.repeat(32), ['testing']],
      ['idc-training', '0'.repeat(32), ['training']],
      ['idc-validation', '1'.repeat(32), ['validation']],
    ])
    expect(found.files).toEqual(['model/deep/weights.bin', 'model/model.json', 'split.csv'])

    expect(await syncRun(run.folder, run.events, client)).toEqual({ ...report, metrics: 0, artifacts: 0 })
    // Also where MLflow forgot that it was told everything.
    await client.deleteTag(report?.runId ?? '', 'runner.told')
    expect(await syncRun(run.folder, run.events, client)).toEqual(report)
    expect(await readBack(run)).toEqual(found)
  })

  it('that lacks a file is told without it, and the file is named', async () => {
    const run = await beginRun(runs, 'incomplete')
    await endRun(run)
    await rm(run.folder.model, { recursive: true })
    expect(await syncRun(run.folder, run.events, client)).toMatchObject({ missing: ['model'], artifacts: 1 })
    expect(await runsOf(run)).toMatchObject([{ info: { status: 'FINISHED' } }])
  })

  it('keeps the name that somebody gave it in MLflow', async () => {
    const run = await beginRun(runs, 'plain')
    await syncRun(run.folder, run.events, client)
    const [known] = await runsOf(run)
    await client.updateRun({ run_id: known?.info.run_id ?? '', run_name: 'the good one' })
    await endRun(run)
    await syncRun(run.folder, run.events, client)
    expect(await runsOf(run)).toMatchObject([{ info: { run_name: 'the good one', status: 'FINISHED' } }])
  })
})

describe('a run that goes on', () => {
  it('tells only what is committed, and NaN as a gap', async () => {
    const run = await beginRun(runs, 'uncommitted')
    await run.append(...epoch(1), ...epoch(2, { 'val/loss': NaN }), ...epoch(3).slice(0, 1))
    await syncRun(run.folder, run.events, client)
    const found = await readBack(run)
    expect(found.status).toBe('RUNNING')
    expect(found.histories['val/loss']).toEqual([
      [1, 1],
      [2, 'NaN'],
    ])
  })

  it('is RUNNING again once it is resumed, and never loses an end', async () => {
    const run = await beginRun(runs, 'resumed')
    const status = async () => (await runsOf(run))[0]?.info.status
    await run.append(...epochs(1, 2), { type: 'run-ended', status: 'interrupted' })
    await syncRun(run.folder, run.events, client)
    expect(await status()).toBe('KILLED')
    const engine = run.events.find((event) => event.type === 'engine-started')
    if (!engine) throw new Error('no engine')
    await run.append(engine, ...epoch(3))
    await syncRun(run.folder, run.events, client)
    expect(await status()).toBe('RUNNING')
    await run.append({ type: 'run-ended', status: 'failed', reason: 'the loss is NaN' })
    await syncRun(run.folder, run.events, client)
    const found = await readBack(run)
    expect(found).toMatchObject({ count: 1, status: 'FAILED', tags: { 'runner.reason': 'the loss is NaN' } })
    expect(found.histories['val/loss']).toEqual(history(3))
  })
})

it('tells names that MLflow would refuse under the nearest that it takes, and long texts as far as it keeps them', async () => {
  const run = await beginRun(runs, 'odd names', { 'cost ($)': '3', long: '🙂'.repeat(5000) })
  await run.append(...epoch(1, { 'val/recall_IDC (+)': 0.5 }), { type: 'parameters', values: { stack: 'ß'.repeat(7000) } })
  await syncRun(run.folder, run.events, client)
  const found = await readBack(run)
  expect(found.tags['cost ___']).toBe('3')
  expect(found.tags['long']).toMatch(/^(🙂)+…$/u)
  expect(found.params['stack']).toBe(`${'ß'.repeat(5999)}…`)
  expect(found.histories['val/recall_IDC ___']).toEqual([[1, 0.5]])
})

it('does not revive an experiment that was deleted, and says how to', async () => {
  const run = await beginRun(runs, 'deleted')
  const events = run.events.map((event) => (event.type === 'run-started' ? { ...event, experiment: 'gone' } : event))
  await client.deleteExperiment(await client.createExperiment('gone'))
  await expect(syncRun(run.folder, events, client)).rejects.toThrow(/mlflow experiments restore -x \d+/)
})

describe('a run that was killed', () => {
  it('is KILLED once somebody looks, and RUNNING without a reason once it is resumed', async () => {
    const run = await beginRun(runs, 'killed')
    await run.append(...epochs(1, 2))
    await syncRun(run.folder, run.events, client)
    expect(await readReceipt(run.folder)).toMatchObject({ status: 'RUNNING' })
    await syncRun(run.folder, run.events, client, { isAlive: false, mayCreate: false })
    expect(await readReceipt(run.folder)).toMatchObject({ status: 'KILLED' })
    expect(await readBack(run)).toMatchObject({
      status: 'KILLED',
      end: run.events.at(-1)?.at,
      tags: { 'runner.reason': expect.stringMatching('resume') as string },
    })

    const engine = run.events.find((event) => event.type === 'engine-started')
    if (!engine) throw new Error('no engine')
    await run.append(engine, { type: 'parameters', values: { 'model.layers': 'flatten, dense(3)' } }, ...epoch(3))
    await syncRun(run.folder, run.events, client)
    const found = await readBack(run)
    expect(found).toMatchObject({ count: 1, status: 'RUNNING', histories: { 'val/loss': history(3) } })
    expect(found.tags).not.toHaveProperty('runner.reason')
    // MLflow's parameters never change.
    expect(found.params['model.layers']).toBe('flatten, dense(2)')
    expect(found.tags['runner.changed.model.layers']).toBe('flatten, dense(3)')
  })

  it('is not made in a server that never had it', async () => {
    const run = await beginRun(runs, 'elsewhere')
    expect(await syncRun(run.folder, run.events, client, { isAlive: false, mayCreate: false })).toBeNull()
    expect(await runsOf(run)).toEqual([])
  })
})

it('says once what a resumed run says again with the same value', async () => {
  const run = await beginRun(runs, 'again')
  await run.append(...epochs(1, 3))
  await run.append({ type: 'evaluated', metrics: { 'test/roc_auc': 0.5, 'test/f1': NaN } })
  await syncRun(run.folder, run.events, client)
  await run.append(...epochs(2, 4), { type: 'evaluated', metrics: { 'test/roc_auc': 0.5, 'test/f1': NaN } })
  await syncRun(run.folder, run.events, client)
  const { histories } = await readBack(run)
  expect(histories).toEqual({ 'val/loss': history(4), 'test/roc_auc': [[0, 0.5]], 'test/f1': [[0, 'NaN']] })
})

it('says once what a run measured of its model, though it was killed before its end and measured again', async () => {
  const run = await beginRun(runs, 'measured again')
  await run.append(...epoch(1), { type: 'evaluated', metrics: { 'test/roc_auc': 0.912_345_678_9, 'best/epoch': 1 } })
  await delay(5)
  await run.append({ type: 'model', path: 'model', epoch: 1, register: null })
  await endRun(run)
  await syncRun(run.folder, run.events, client)
  const { histories } = await readBack(run)
  expect(histories['test/roc_auc']).toEqual([[0, 0.9123457]])
})

it('keeps two names apart that MLflow would take for one', async () => {
  const run = await beginRun(runs, 'apart', { 'a+': '1', 'a-b': '2', 'a*': '3' })
  const long = 'x'.repeat(300)
  await run.append(...epoch(1, { 'recall (+)': 0.1, 'recall (-)': 0.2, [`${long}1`]: 1, [`${long}2`]: 2 }))
  await syncRun(run.folder, run.events, client)
  const { histories, tags } = await readBack(run)
  expect(
    Object.values(histories)
      .map(([point]) => point?.[1])
      .sort(),
  ).toEqual([0.1, 0.2, 1, 2])
  expect([tags['a_'], tags['a-b'], tags['a__2']]).toEqual(['1', '2', '3'])
})

it('takes files whose names tempt, each under a path of its own', async () => {
  const run = await beginRun(runs, 'files')
  const names = ['a b.txt', 'a#1.txt', 'a%2F1.txt', 'a_1.txt', 'ü\n"\'.txt', '🙂;&?.txt', '..a.txt']
  await mkdir(run.folder.plots)
  for (const name of names) await writeFile(join(run.folder.plots, name), name)
  await run.append({ type: 'artifact', path: 'plots' })
  await syncRun(run.folder, run.events, client)
  const found = await readBack(run)
  const plots = found.files.filter((path) => path.startsWith('plots/'))
  expect(plots).toEqual(
    ['..a.txt', 'a b.txt', 'a_1.txt', 'a_1.txt_2', 'a_2F1.txt', 'ü_"\'.txt', '🙂;&_.txt'].map((name) => `plots/${name}`),
  )
  const contents = await Promise.all(plots.map((path) => readFile(join(found.downloaded, path), 'utf8')))
  expect(contents.sort()).toEqual([...names].sort())
})

describe('one run in MLflow', () => {
  it('is what two processes make that tell of it at once', async () => {
    const run = await beginRun(runs, 'two tellers')
    await run.append(...epochs(1, 5))
    await endRun(run)
    await Promise.all([1, 2, 3].map(() => syncRun(run.folder, run.events, new MlflowClient({ trackingUri: server.uri }))))
    expect(await readBack(run)).toMatchObject({ count: 1, status: 'FINISHED', histories: { 'val/loss': history(5) } })
  })

  it('is what is left of one that was made twice, once the run has ended', async () => {
    const run = await beginRun(runs, 'twice')
    const report = await syncRun(run.folder, run.events, client)
    const late = {
      experiment_id: report?.experimentId ?? '',
      run_name: 'twice',
      start_time: 1,
      tags: [{ key: 'runner.run', value: run.folder.id }],
    }
    await client.createRun(late)
    await endRun(run)
    expect(await syncRun(run.folder, run.events, client)).toMatchObject({ runId: report?.runId })
    expect(await runsOf(run)).toHaveLength(1)
  })

  it('is made anew where somebody deleted it while it went on', async () => {
    const run = await beginRun(runs, 'deleted run')
    const memory = freshMemory()
    await run.append(...epoch(1))
    const first = await syncRun(run.folder, run.events, client, { memory })
    await client.deleteRun(first?.runId ?? '')
    await run.append(...epoch(2))
    await expect(syncRun(run.folder, run.events, client, { memory })).rejects.toMatchObject({ isPassing: false })
    await syncRun(run.folder, run.events, client, { memory })
    expect(await readBack(run)).toMatchObject({ count: 1, histories: { 'val/loss': history(2) } })
  })
})

describe('the tracker', () => {
  it('tells a growing journal, whatever is appended while it is telling', async () => {
    const run = await beginRun(runs, 'live')
    const warnings: string[] = []
    const own = (): Promise<MlflowClient> => Promise.resolve(new MlflowClient({ trackingUri: server.uri }))
    const tracker = startTracker({ folder: run.folder, events: () => run.events, connect: own, onWarning: (text) => warnings.push(text) })
    for (let number = 1; number <= 40; number++) {
      await run.append(...epoch(number))
      tracker.wake()
      await delay(number % 7)
    }
    await endRun(run)
    tracker.wake()
    expect(await tracker.close(30_000)).not.toBeNull()
    expect(warnings).toEqual([])
    const found = await readBack(run)
    expect(found).toMatchObject({ count: 1, status: 'FINISHED' })
    expect(found.histories['val/loss']).toEqual(history(40))
    expect(found.files).toContain('model/deep/weights.bin')
  })

  it('warns once of a server that is absent, ends in time, and all is told later', async () => {
    const run = await beginRun(runs, 'absent')
    const warnings: string[] = []
    const absent = (): Promise<MlflowClient> => Promise.resolve(new MlflowClient({ trackingUri: 'http://127.0.0.1:9', retries: 0 }))
    const tracker = startTracker({
      folder: run.folder,
      events: () => run.events,
      connect: absent,
      onWarning: (text) => warnings.push(text),
    })
    await run.append(...epoch(1))
    tracker.wake()
    await delay(100)
    await endRun(run)
    const started = Date.now()
    expect(await tracker.close(10_000)).toBeNull()
    expect(Date.now() - started).toBeLessThan(5000)
    expect(warnings).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:9 does not answer/)])
    await syncRun(run.folder, run.events, client)
    expect(await readBack(run)).toMatchObject({ count: 1, status: 'FINISHED', histories: { 'val/loss': [[1, 1]] } })
  })

  it('is complete, without a duplicate, though the server was gone for a while', async () => {
    const run = await beginRun(runs, 'outage')
    const memory = freshMemory()
    await run.append(...epochs(1, 10))
    await syncRun(run.folder, run.events, client, { memory })
    const uri = await server.restart()
    const warnings: string[] = []
    await run.append(...epochs(11, 20))
    const impatient = new MlflowClient({ trackingUri: server.uri, retries: 0 })
    await expect(syncRun(run.folder, run.events, impatient, { memory })).rejects.toMatchObject({ status: 0 })
    const tracker = startTracker({
      folder: run.folder,
      events: () => run.events,
      connect: () => Promise.resolve(new MlflowClient({ trackingUri: uri })),
      onWarning: (text) => warnings.push(text),
    })
    await run.append(...epochs(21, 40))
    await endRun(run)
    expect(await tracker.close(30_000)).not.toBeNull()
    const found = await readBack(run, uri)
    expect(found).toMatchObject({ count: 1, status: 'FINISHED' })
    expect(found.histories['val/loss']).toEqual(history(40))
    expect(warnings).toEqual([])
  })
})
