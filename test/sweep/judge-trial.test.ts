/** The judge of a sweep's trials over journals on disk: what it decides of a trial whose metric is no number, and what it keeps of that. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openJournal, readJournal, type Journal } from '../../src/journal/journal.ts'
import { createRunFolder, runFolder } from '../../src/journal/run-folder.ts'
import { trialTag } from '../../src/run/begin.ts'
import { judgeTrial } from '../../src/sweep/judge-trial.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'runner-judge-'))
})
afterEach(() => rm(home, { recursive: true, force: true }))

/** A trial that has come to the end of its second epoch. */
async function writeTrial(name: string, ...losses: readonly number[]): Promise<Journal> {
  const folder = await createRunFolder(home, 'sweep', name, Date.now())
  const journal = await openJournal(folder.journal, { now: Date.now })
  const tags = { [trialTag.point]: name }
  await journal.append({ type: 'run-started', version: 1, run: folder.id, name, experiment: 'e', seed: 1, epochs: 9, tags })
  for (const [index, loss] of losses.entries()) {
    const at = { epoch: index + 1, step: index + 1 }
    await journal.append({ type: 'epoch', ...at, metrics: { 'val/loss': loss }, seconds: 1 })
    await journal.append({ type: 'committed', ...at, checkpoint: index + 1, isBest: true })
  }
  return journal
}

const judge = () => judgeTrial(runFolder(join(home, 'sweep')), { prune: { median: { warmup: 2, trials: 3 } }, metric: 'val/loss' }, 9)

it('a trial whose metric is no number is stopped beside trials that have one, and that is journalled', async () => {
  for (const loss of [0.5, 0.6, 0.7]) await (await writeTrial(`loss ${loss}`, 1, loss)).close()
  const journal = await writeTrial('mad', 1, Infinity)
  const reason = 'pruned after epoch 2 of 9: val/loss is Infinity, and the median of 3 others has 0.6000'
  expect(await judge().judge(2, journal)).toBe(reason)
  await journal.close()

  const { events } = await readJournal(journal.path)
  expect(events.at(-1)).toMatchObject({ type: 'pruning', goesOn: false, value: Infinity, threshold: 0.6 })
  // Whoever goes on after a kill decides the same from what is written.
  const again = await openJournal(journal.path, { now: Date.now })
  expect(await judge().judge(2, again)).toBe(reason)
  await again.close()
  expect((await readJournal(journal.path)).events).toEqual(events)
})

it('where no trial has a number, each goes on, and that is journalled, too', async () => {
  for (const name of ['a', 'b', 'c']) await (await writeTrial(name, NaN, NaN)).close()
  const journal = await writeTrial('own', NaN, NaN)
  expect(await judge().judge(2, journal)).toBe(null)
  await journal.close()
  const { events } = await readJournal(journal.path)
  expect(events.at(-1)).toMatchObject({ type: 'pruning', goesOn: true, value: NaN, threshold: NaN })
})
