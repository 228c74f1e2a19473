/** What a finished run leaves on disk: enough to know where its numbers came from, and nothing that is nobody's business. */
import { readdir, readFile } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Recorded } from '../../src/journal/events.ts'
import type { RunFolder } from '../../src/journal/run-folder.ts'
import { makeHome, projectRoot, readJson, untracked, type Home, type Ran } from '../runner.ts'

const smoke = 'experiments/smoke.yaml'
let home: Home
let ran: Ran
let folder: RunFolder
let events: readonly Recorded[]

beforeAll(async () => {
  home = await makeHome()
  ran = await home.runner([smoke, ...untracked, '--set', 'tracking.tags={ purpose: test }'])
  expect(ran.exitCode, ran.stderr).toBe(0)
  ;({ folder, events } = await home.lastRun())
})
afterAll(() => home.remove())

function eventOf<T extends Recorded['type']>(type: T): Extract<Recorded, { type: T }> {
  const found = events.find((event): event is Extract<Recorded, { type: T }> => event.type === type)
  if (!found) throw new Error(`the journal has no ${type}`)
  return found
}

describe('where a run came from', () => {
  it('stands in environment.json: code, machine, versions', async () => {
    const { dependencies } = (await readJson(join(projectRoot, 'package.json'))) as { dependencies: Record<string, string> }
    expect(await readJson(folder.environment)).toMatchObject({
      runner: '0.1.0',
      node: process.version,
      backend: 'tensorflow',
      tensorflow: expect.stringMatching(/^2\./) as string,
      threads: expect.any(Number) as number,
      onednn: expect.any(Boolean) as boolean,
      packages: { '@tensorflow/tfjs-core': dependencies['@tensorflow/tfjs-core'], sharp: dependencies['sharp'] },
    })
  })

  it('is tagged: the file’s own tags, and for ever that the data are synthetic', () => {
    const { tags } = eventOf('run-started')
    expect(tags).toMatchObject({ purpose: 'test', synthetic: 'true' })
    expect(tags).not.toHaveProperty('leakage')
  })

  it('names neither the host nor the user’s home folder', async () => {
    for (const path of [folder.environment, folder.journal, folder.metrics, folder.plan, folder.split, join(folder.model, 'model.json')]) {
      const text = await readFile(path, 'utf8')
      expect(text.includes(`"${hostname()}"`), path).toBe(false)
      expect(text.includes(`${homedir()}/`), path).toBe(false)
    }
  })
})

describe('the files agree with each other', () => {
  it('plan.txt is what runner plan prints for the same file', async () => {
    const { stdout } = await home.runner(['plan', smoke])
    const planned = (await readFile(folder.plan, 'utf8')).split('\n').filter((line) => line !== '')
    expect(stdout.split('\n').filter((line) => planned.includes(line))).toEqual(planned)
  })

  it('split.csv, the journal’s datasets and predictions.csv count the same images', async () => {
    const rows: Record<string, string>[] = parse(await readFile(folder.split), { columns: true })
    const predicted: Record<string, string>[] = parse(await readFile(folder.predictions), { columns: true })
    const counts = (split: string) => rows.filter((row) => row['split'] === split).length
    const datasets = events.filter((event) => event.type === 'dataset')
    expect(datasets.map(({ classCounts }) => Object.values(classCounts).reduce((a, b) => a + b, 0))).toEqual(
      ['train', 'validation', 'test'].map(counts),
    )
    expect(predicted).toHaveLength(counts('validation') + counts('test'))
    expect(new Set(predicted.map((row) => row['split']))).toEqual(new Set(['validation', 'test']))
  })

  it('metrics.json holds the journal’s test metrics and the hash of the weights', async () => {
    const { weightsHash, weights } = (await readJson(folder.metrics)) as {
      weightsHash: string
      weights: Record<'last' | 'selected', { epoch: number; chosen: { test: { metrics: Record<string, number> } } }>
    }
    expect(weightsHash).toBe(eventOf('trained').weightsHash)
    expect(eventOf('evaluated').metrics['test/roc_auc']).toBe(weights.selected.chosen.test.metrics['roc_auc'])
    expect(eventOf('evaluated').metrics['best/epoch']).toBe(weights.selected.epoch)
  })

  it('every artifact that is told is there, and nothing half-written stands beside', async () => {
    const told = events.flatMap((event) => (event.type === 'artifact' || event.type === 'model' ? [event.path] : []))
    const there = await readdir(folder.path)
    expect(there.sort()).toEqual([...told, 'checkpoints', 'journal.jsonl'].sort())
    expect((await readdir(folder.checkpoints)).filter((name) => name.startsWith('.'))).toEqual([])
  })
})

it('the run’s own resolved.yaml trains to the same weights', async () => {
  const again = await home.runner([folder.resolved, '--quiet'])
  expect(again.exitCode, again.stderr).toBe(0)
  const hashes = (await Promise.all((await home.runs()).map(({ metrics }) => readJson(metrics)))).map(
    (metrics) => (metrics as { weightsHash: string }).weightsHash,
  )
  expect(hashes).toHaveLength(2)
  expect(hashes[1]).toBe(hashes[0])
})

it('prints one line an epoch and nothing that moves where it is not watched', () => {
  const epochs = ran.stderr.split('\n').filter((line) => /^ {2,6}\d+ +\d\.\d{4} /.test(line))
  expect(epochs).toHaveLength(3)
  expect(epochs.filter((line) => line.endsWith('best'))).not.toHaveLength(0)
  for (const character of ['\u001b', '\r']) expect(ran.stderr + ran.stdout).not.toContain(character)
})
