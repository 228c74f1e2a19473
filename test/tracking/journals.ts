/** A run folder with a journal as a training writes it, for tests that need no training. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Event, Recorded } from '../../src/journal/events.ts'
import { openJournal, type Journal } from '../../src/journal/journal.ts'
import { createRunFolder, type RunFolder } from '../../src/journal/run-folder.ts'

export interface WrittenRun {
  readonly folder: RunFolder
  readonly journal: Journal
  readonly events: readonly Recorded[]
  readonly append: (...events: readonly Event[]) => Promise<void>
}

/** The beginning of a run: parameters, data of three splits, one artifact. */
export async function beginRun(
  runs: string,
  name: string,
  tags: Readonly<Record<string, string>> = {},
  experiment = 'tracking test',
): Promise<WrittenRun> {
  let clock = 1_760_000_000_000
  const folder = await createRunFolder(runs, 'tracking', name, clock)
  const journal = await openJournal(folder.journal, { now: () => (clock += 1000) })
  onTestFinished(() => journal.close())
  const append = async (...events: readonly Event[]): Promise<void> => {
    for (const event of events) await journal.append(event)
  }
  await writeFile(folder.split, 'path,sha256,group,class,label,split\n')
  await append(
    { type: 'run-started', version: 1, run: folder.id, name, experiment, seed: 7, epochs: 40, tags },
    { type: 'parameters', values: { 'optimizer.adagrad.learningRate': '0.01', 'model.layers': 'flatten, dense(2)' } },
    ...(['training', 'validation', 'testing'] as const).map((context, index) => ({
      type: 'dataset' as const,
      context,
      name: 'idc',
      digest: String(index).repeat(32),
      source: 'datasets/idc',
      layout: '{patient}/{class}/{*}.png',
      classCounts: { benign: 30, malignant: 12 },
      groups: 4,
    })),
    { type: 'engine-started', pid: 1, device: 'cpu', backend: 'tensorflow', tensorflow: '2.21.0', threads: 2, onednn: true },
    { type: 'artifact', path: 'split.csv' },
  )
  return { folder, journal, events: journal.events, append }
}

/** An epoch and its checkpoint. */
export function epoch(number: number, metrics: Readonly<Record<string, number>> = { 'val/loss': lossOf(number) }): Event[] {
  return [
    { type: 'epoch', epoch: number, step: number * 10, metrics, seconds: 1 },
    { type: 'committed', epoch: number, step: number * 10, checkpoint: number, isBest: number === 1 },
  ]
}

export function lossOf(number: number): number {
  return Number((1 / number).toPrecision(7))
}

/** The end of a run that went well. */
export async function endRun({ folder, append }: WrittenRun): Promise<void> {
  await mkdir(join(folder.model, 'deep'), { recursive: true })
  await writeFile(join(folder.model, 'model.json'), '{}')
  await writeFile(join(folder.model, 'deep', 'weights.bin'), Buffer.alloc(70_000, 1))
  await append(
    { type: 'evaluated', metrics: { 'test/roc_auc': 0.912_345_678_9, 'best/epoch': 1 } },
    { type: 'artifact', path: 'model' },
    { type: 'described', note: 'A run of a test.' },
    { type: 'run-ended', status: 'finished' },
  )
}
