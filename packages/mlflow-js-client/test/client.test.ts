/** The client against a real MLflow server. */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestServer, type TestServer } from '../../../test/tracking/server.ts'
import { MlflowClient, toKey, type Metric, type Run } from '../src/index.ts'

let server: TestServer
let client: MlflowClient
let experiment: string
beforeAll(async () => {
  server = await startTestServer()
  client = new MlflowClient({ trackingUri: server.uri })
  experiment = await client.createExperiment('Gewebe', [{ key: 'mlflow.note.content', value: 'ß' }])
})
afterAll(() => server.stop())

function newRun(name = 'run'): Promise<Run> {
  return client.createRun({ experiment_id: experiment, run_name: name, start_time: 1_700_000_000_000, tags: [] })
}

describe('experiments', () => {
  it('are found by name, listed, deleted and restored', async () => {
    expect(await client.getExperimentByName('nowhere')).toBeNull()
    const id = await client.createExperiment('short-lived')
    expect((await client.searchExperiments()).map(({ name }) => name)).toContain('short-lived')
    await client.deleteExperiment(id)
    expect(await client.getExperimentByName('short-lived')).toMatchObject({ experiment_id: id, lifecycle_stage: 'deleted' })
    await client.restoreExperiment(id)
    expect(await client.getExperimentByName('short-lived')).toMatchObject({ lifecycle_stage: 'active' })
  })
})

describe('metrics', () => {
  it('come back as they were sent, NaN and infinities too', async () => {
    const { info } = await newRun()
    const values = [0.1, NaN, 1e-300, -5, Infinity]
    await client.logMetrics(
      info.run_id,
      values.map((value, step) => ({ key: 'val/loss', value, timestamp: 1000 + step, step })),
    )
    const history = await client.getMetricHistory(info.run_id, 'val/loss')
    // MLflow stores infinity as the largest double.
    expect(history.map(({ value }) => value)).toEqual([0.1, NaN, 1e-300, -5, expect.toSatisfy((value: number) => value > 1.7e308)])
    expect(history.map(({ timestamp, step }) => [timestamp, step])).toEqual(values.map((_, step) => [1000 + step, step]))
  })

  it('by the thousand are sent in batches, and once only when they are sent again', async () => {
    const { info } = await newRun()
    const points: Metric[] = Array.from({ length: 2300 }, (_, step) => ({ key: 'train/loss', value: step / 7, timestamp: step, step }))
    await client.logMetrics(info.run_id, points)
    await client.logMetrics(info.run_id, points)
    expect(await client.getMetricHistory(info.run_id, 'train/loss')).toHaveLength(2300)
  })

  it.each([
    ['a part of a step', { step: 1.5 }],
    ['a part of a millisecond', { timestamp: 0.5 }],
    ['a key with brackets', { key: 'loss (raw)' }],
    ['a key that climbs', { key: 'a/../b' }],
  ])('with %s are refused before the server can lose what follows', async (_, wrong) => {
    const { info } = await newRun()
    await expect(client.logMetrics(info.run_id, [{ key: 'a', value: 1, timestamp: 1, step: 1, ...wrong }])).rejects.toThrow(RangeError)
  })

  it('have keys that toKey makes of any name', async () => {
    const { info } = await newRun()
    const names = ['loss (raw)', 'a//b', '/abs', '../up', 'a/./b', 'größe µm²', '細胞', 'f1@0.5', 'x'.repeat(300), 'a=b#c', '', '🙂']
    const keys = names.map(toKey)
    await client.logMetrics(
      info.run_id,
      keys.map((key, index) => ({ key, value: index, timestamp: 1, step: 0 })),
    )
    const { metrics } = (await client.getRun(info.run_id)).data
    expect(new Set(metrics?.map(({ key }) => key))).toEqual(new Set(keys))
    expect(keys.slice(0, 2)).toEqual(['loss _raw_', 'a/b'])
  })
})

describe('parameters and tags', () => {
  it('of more than a megabyte are all kept', async () => {
    const { info } = await newRun()
    const params = Array.from({ length: 150 }, (_, index) => ({ key: `p${index}`, value: 'ß'.repeat(6000) }))
    await client.logParams(info.run_id, [...params, { key: 'empty', value: '' }])
    await client.setTags(
      info.run_id,
      Array.from({ length: 130 }, (_, index) => ({ key: `t${index}`, value: 'é'.repeat(8000) })),
    )
    const { data } = await client.getRun(info.run_id)
    expect(data.params).toHaveLength(151)
    expect(data.params?.find(({ key }) => key === 'p149')?.value).toHaveLength(6000)
    expect(data.tags?.find(({ key }) => key === 't129')?.value).toHaveLength(8000)
  })

  it('that the server would cut are refused', async () => {
    const { info } = await newRun()
    await expect(client.logParams(info.run_id, [{ key: 'a', value: 'x'.repeat(6001) }])).rejects.toThrow(/6000 characters/)
    await expect(client.setTags(info.run_id, [{ key: 'a', value: 'x'.repeat(8001) }])).rejects.toThrow(/8000 characters/)
  })

  it('tell a conflict as MLflow tells it', async () => {
    const { info } = await newRun()
    await client.logParams(info.run_id, [{ key: 'a', value: '1' }])
    await expect(client.logParams(info.run_id, [{ key: 'a', value: '2' }])).rejects.toMatchObject({
      status: 400,
      code: 'INVALID_PARAMETER_VALUE',
    })
  })
})

describe('runs', () => {
  it('end, are searched by tag and metric, deleted and restored', async () => {
    const [first, second] = [await newRun('first'), await newRun('second')]
    for (const [index, { info }] of [first, second].entries()) {
      await client.setTags(info.run_id, [{ key: 'my.sweep', value: 's1' }])
      await client.logMetrics(info.run_id, [{ key: 'val/auc', value: 0.8 + index / 10, timestamp: 1, step: 0 }])
    }
    const info = await client.updateRun({ run_id: first.info.run_id, status: 'FINISHED', end_time: 1_700_000_005_000 })
    expect(info).toMatchObject({ status: 'FINISHED', end_time: 1_700_000_005_000 })
    const search = { experimentIds: [experiment], filter: "tags.`my.sweep` = 's1'", orderBy: ['metrics.`val/auc` DESC'] }
    expect((await client.searchRuns(search)).map((run) => run.info.run_name)).toEqual(['second', 'first'])
    expect(await client.searchRuns({ ...search, maxResults: 1 })).toHaveLength(1)
    await client.deleteRun(second.info.run_id)
    expect(await client.searchRuns(search)).toHaveLength(1)
    await client.restoreRun(second.info.run_id)
    await client.deleteTag(second.info.run_id, 'my.sweep')
    expect((await client.searchRuns(search)).map((run) => run.info.run_name)).toEqual(['first'])
  })

  it('name their data', async () => {
    const { info } = await newRun()
    const dataset = { name: 'idc', digest: '0'.repeat(32), source_type: 'local', source: '{"uri":"x"}', profile: '{"images":3}' }
    const tags = [{ key: 'mlflow.data.context', value: 'training' }]
    await client.logInputs(info.run_id, [{ tags, dataset }])
    await client.logInputs(info.run_id, [{ tags, dataset }])
    expect((await client.getRun(info.run_id)).inputs?.dataset_inputs).toMatchObject([{ tags, dataset }])
    await expect(client.logInputs(info.run_id, [{ tags, dataset: { ...dataset, digest: '0'.repeat(37) } }])).rejects.toThrow(/36/)
  })
})

describe('artifacts', () => {
  it('go up and come down byte for byte, with folders and names that tempt', async () => {
    const folder = join(server.scratch, 'files')
    const files: Record<string, Buffer> = {
      'empty.txt': Buffer.alloc(0),
      'weights.bin': randomBytes(9_000_000),
      'deep/er/ünïcode 100% [a] & b?.csv': Buffer.from('a,b\n'),
    }
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(folder, name, '..'), { recursive: true })
      await writeFile(join(folder, name), content)
    }
    const { info } = await newRun()
    await client.logArtifact(info, folder, 'model')
    expect((await client.listArtifacts(info.run_id)).map(({ path, is_dir }) => [path, is_dir])).toEqual([['model', true]])
    const target = join(server.scratch, 'downloaded')
    const paths = await client.downloadArtifacts(info, '', target)
    expect([...paths].sort()).toEqual(
      Object.keys(files)
        .map((name) => `model/${name}`)
        .sort(),
    )
    for (const [name, content] of Object.entries(files)) expect(content.equals(await readFile(join(target, 'model', name)))).toBe(true)
  })

  it('are copied where the store is a folder, and refused where it is a cloud', async () => {
    const folder = join(server.scratch, 'store ü')
    const file = join(server.scratch, 'a.txt')
    await writeFile(file, 'a')
    const owner = { artifact_uri: pathToFileURL(folder).href }
    await client.logArtifact(owner, file, 'sub/a.txt')
    expect(await readFile(join(folder, 'sub/a.txt'), 'utf8')).toBe('a')
    expect(Buffer.from(await client.readArtifact(owner, 'sub/a.txt')).toString()).toBe('a')
    await expect(client.logArtifact({ artifact_uri: 's3://bucket/1' }, file, 'a.txt')).rejects.toThrow(/s3:\/\/.*--serve-artifacts/)
  })

  it('that are missing are said to be', async () => {
    const { info } = await newRun()
    await expect(client.readArtifact(info, 'nothing.txt')).rejects.toMatchObject({ status: 404 })
  })
})

it('makes a logged model, its files, a version of a registered model and an alias', async () => {
  const { info } = await newRun()
  const model = await client.models.create({ experiment_id: experiment, name: 'cancernet', source_run_id: info.run_id })
  const file = join(server.scratch, 'MLmodel')
  await writeFile(file, 'flavors: {}\n')
  await client.logArtifact(model.info, file, 'MLmodel')
  await client.models.finalize(model.info.model_id, 'LOGGED_MODEL_READY')
  await client.models.finalize(model.info.model_id, 'LOGGED_MODEL_READY')
  await client.models.setTags(model.info.model_id, [{ key: 'a', value: 'b' }])
  await client.models.logOutputs(info.run_id, [{ model_id: model.info.model_id, step: 40 }])
  expect((await client.models.get(model.info.model_id)).info.status).toBe('LOGGED_MODEL_READY')
  expect(await client.models.search([experiment])).toHaveLength(1)
  await client.models.register('cancernet')
  const version = await client.models.createVersion('cancernet', model.info.model_id, info.run_id)
  await client.models.setAlias('cancernet', 'best', version.version)
  expect(version).toMatchObject({ name: 'cancernet', version: expect.toSatisfy((value: unknown) => Number(value) === 1) as unknown })
})

it('asks for the version of the server', async () => {
  expect(await client.version()).toMatch(/^3\./)
})
