/** The journal on disk: what a crash can do to it, and what it must never accept. */
import { spawn } from 'node:child_process'
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { EpochEnded, Event, RunStarted } from '../../src/journal/events.ts'
import { JournalDamage, openJournal, readJournal } from '../../src/journal/journal.ts'
import { createRunFolder, findRun, listRuns } from '../../src/journal/run-folder.ts'
import { foldRun } from '../../src/journal/run-state.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runner-journal-'))
  path = join(folder, 'journal.jsonl')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const started: RunStarted = { type: 'run-started', version: 1, run: 'r', name: 'n', experiment: 'e', seed: 1, epochs: 3, tags: {} }
const epoch = (number: number, loss: number): EpochEnded => ({
  type: 'epoch',
  epoch: number,
  step: number,
  metrics: { 'val/loss': loss },
  seconds: 1,
})
const committed = (number: number, isBest = false): Event => ({
  type: 'committed',
  epoch: number,
  step: number,
  checkpoint: number,
  isBest,
})

async function write(...events: readonly Event[]): Promise<void> {
  let clock = 1000
  const journal = await openJournal(path, { now: () => (clock += 1) })
  for (const event of events) await journal.append(event)
  await journal.close()
}

it('gives back what was written, numbered and stamped once', async () => {
  await write(started, epoch(1, 0.5))
  const { events, isTorn } = await readJournal(path)
  expect(isTorn).toBe(false)
  expect(events).toEqual([
    { ...started, sequence: 0, at: 1001 },
    { ...epoch(1, 0.5), sequence: 1, at: 1002 },
  ])
})

it('keeps NaN and infinities', async () => {
  await write(started, { ...epoch(1, NaN), metrics: { a: NaN, b: Infinity, c: -Infinity, d: 1 } })
  const { events } = await readJournal(path)
  expect(events[1]).toMatchObject({ metrics: { a: NaN, b: Infinity, c: -Infinity, d: 1 } })
})

it('drops a torn last line, and goes on behind the last whole one', async () => {
  await write(started, epoch(1, 0.5), epoch(2, 0.4))
  const { length } = await readFile(path)
  await truncate(path, length - 7)
  expect(await readJournal(path)).toMatchObject({ isTorn: true, events: [{ sequence: 0 }, { sequence: 1 }] })
  await write(epoch(2, 0.3))
  const { events, isTorn } = await readJournal(path)
  expect(isTorn).toBe(false)
  expect(events.map(({ sequence }) => sequence)).toEqual([0, 1, 2])
  expect(events[2]).toMatchObject({ metrics: { 'val/loss': 0.3 } })
})

it('refuses a damaged line in the middle, and names it', async () => {
  await write(started, epoch(1, 0.5), epoch(2, 0.4))
  const lines = (await readFile(path, 'utf8')).split('\n')
  await writeFile(path, [lines[0], lines[1]?.slice(0, 20), lines[2], ''].join('\n'))
  await expect(readJournal(path)).rejects.toThrow(JournalDamage)
  await expect(readJournal(path)).rejects.toThrow(/journal\.jsonl:2 /)
})

it('refuses a line that is missing in between', async () => {
  await write(started, epoch(1, 0.5), epoch(2, 0.4))
  const lines = (await readFile(path, 'utf8')).split('\n')
  await writeFile(path, [lines[0], lines[2], ''].join('\n'))
  await expect(readJournal(path)).rejects.toThrow(/journal\.jsonl:2 /)
})

it('has one writer at a time', { timeout: 30_000 }, async () => {
  const first = await openJournal(path, { now: () => 1 })
  await first.append(started)
  await expect(openJournal(path, { now: () => 2 })).rejects.toThrow(new RegExp(`is being written by process ${process.pid} on `))
  await first.close()
  await write(epoch(1, 0.5))
  expect((await readJournal(path)).events).toHaveLength(2)
})

it('can be written again some seconds after its writer was killed', { timeout: 30_000 }, async () => {
  const journal = new URL('../../dist/journal/journal.js', import.meta.url).href
  const program = `
    const { openJournal } = await import(${JSON.stringify(journal)})
    const journal = await openJournal(${JSON.stringify(path)}, { now: () => 1 })
    await journal.append(${JSON.stringify(started)})
    process.kill(process.pid, 'SIGKILL')`
  const writer = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' })
  expect(await new Promise((resolve) => writer.once('exit', (_, signal) => resolve(signal)))).toBe('SIGKILL')
  await write(epoch(1, 0.5))
  expect((await readJournal(path)).events.map(({ type }) => type)).toEqual(['run-started', 'epoch'])
})

it('is running again once an engine was started after its end', async () => {
  const engine: Event = { type: 'engine-started', pid: 1, device: 'cpu', backend: 'tensorflow', tensorflow: '2', threads: 2, onednn: true }
  await write(started, engine, { type: 'run-ended', status: 'interrupted', reason: 'a signal' })
  expect(foldRun((await readJournal(path)).events)).toMatchObject({ status: 'interrupted', reason: 'a signal' })
  await write(engine)
  expect(foldRun((await readJournal(path)).events)).toMatchObject({ status: 'running', reason: null, endedAt: null })
})

it('counts an epoch only once its checkpoint is committed', async () => {
  await write(started, epoch(1, 0.5), committed(1, true), epoch(2, 0.4))
  const state = foldRun((await readJournal(path)).events)
  expect(state.committed.map((event) => event.epoch)).toEqual([1])
  expect(state).toMatchObject({ status: 'running', bestEpoch: 1 })
})

it('counts an epoch that was begun again once, with its last metrics', async () => {
  await write(started, epoch(1, 0.5), committed(1), epoch(2, 0.4), epoch(2, 0.3), committed(2))
  const state = foldRun((await readJournal(path)).events)
  expect(state.committed.map(({ metrics }) => metrics['val/loss'])).toEqual([0.5, 0.3])
})

it('reads what the first version wrote, for ever', async () => {
  const { events, isTorn } = await readJournal(fileURLToPath(new URL('./fixtures/version-1.jsonl', import.meta.url)))
  expect(isTorn).toBe(false)
  const kinds = ['run-started', 'parameters', 'dataset', 'engine-started', 'epoch', 'committed', 'stopped-early', 'trained']
  const later = ['test-read', 'evaluated', 'artifact', 'described', 'run-ended']
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set([...kinds, ...later]))
  const { started, committed, status, bestEpoch, endedAt } = foldRun(events)
  expect(started).toMatchObject({ run: '20261123-175925-smoke-kqqc', seed: 7, epochs: 4, tags: { synthetic: 'true' } })
  expect(committed.map(({ epoch: number, step, metrics }) => [number, step, metrics['val/roc_auc'], metrics['train/loss']])).toEqual([
    [1, 3, NaN, Infinity],
    [2, 6, 0.6015625, 1.0406137307484944],
  ])
  expect({ status, bestEpoch, endedAt }).toEqual({ status: 'finished', bestEpoch: 1, endedAt: 1795456767881 })
})

it('finds runs by folder, id, beginning, and as the last', async () => {
  const runs = join(folder, 'runs')
  const [first, second] = [await createRunFolder(runs, 'a', 'x', 0), await createRunFolder(runs, 'b', 'y', 86_400_000 * 40)]
  for (const run of [first, second]) await appendFile(run.journal, '')
  expect((await listRuns(runs)).map(({ id }) => id)).toEqual([first.id, second.id])
  expect((await findRun(runs, 'last', folder))?.id).toBe(second.id)
  expect((await findRun(runs, first.id, folder))?.path).toBe(first.path)
  expect((await findRun(runs, first.path, folder))?.id).toBe(first.id)
  expect((await findRun(runs, first.id.slice(0, 12), folder))?.id).toBe(first.id)
  expect(await findRun(runs, '19', folder)).toBeNull()
})
