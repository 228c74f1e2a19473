/** Where a sweep is kept: the newest of its name goes on, unless it is to begin anew. */
import { copyFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Experiment } from '../experiment/experiment.ts'
import type { Sweep } from '../experiment/load-experiment.ts'
import { readJournal, type Journal } from '../journal/journal.ts'
import { createRunFolder, listSweeps, sweepsFolder, type RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import { openForWriting } from '../run/resume.ts'
import type { Listener } from '../run/story.ts'
import { runsOf, type Workspace } from '../run/workspace.ts'

/** Its folder and its journal, with what the sweep is where it is new. */
export async function openSweep(
  experiment: Experiment,
  { points, metric, prune, folds }: Sweep,
  { file, workspace, startsAnew }: { readonly file: string; readonly workspace: Workspace; readonly startsAnew: boolean },
  listen: Listener,
): Promise<{ readonly folder: RunFolder; readonly journal: Journal }> {
  const { name, seed, training, tracking } = experiment
  const before = startsAnew ? null : await findSweep(name, tracking.experiment, workspace)
  const folder = before ?? (await createRunFolder(runsOf(workspace), sweepsFolder, name, workspace.now()))
  await copyFile(resolve(workspace.cwd, file), folder.experiment)
  const journal = await openForWriting(folder, workspace, listen)
  if (!before) {
    const tags = { 'runner.kind': 'sweep', ...tracking.tags }
    const started = { run: folder.id, name, experiment: tracking.experiment, seed, epochs: training.epochs, tags }
    await journal.append({ type: 'run-started', version: 1, ...started })
    const axes = [...new Set(points.flatMap((point) => Object.keys(point.axes)))]
    const valuesOf = (axis: string): string => [...new Set(points.flatMap((point) => point.axes[axis] ?? []))].join(', ')
    const values = Object.fromEntries(axes.map((axis) => [`sweep.${axis}`, valuesOf(axis)]))
    const seeds = new Set(points.map((point) => point.seed)).size
    const rest = {
      ...(folds === null ? {} : { 'sweep.folds': String(folds) }),
      ...(prune === null ? {} : { 'sweep.prune': JSON.stringify(prune) }),
    }
    await journal.append({ type: 'parameters', values: { ...values, 'sweep.seeds': String(seeds), 'sweep.metric': metric, ...rest } })
    await journal.append({ type: 'artifact', path: 'experiment.yaml' })
  }
  return { folder, journal }
}

async function findSweep(name: string, experiment: string, workspace: Workspace): Promise<RunFolder | null> {
  for (const folder of (await listSweeps(runsOf(workspace))).reverse()) {
    const { started } = foldRun((await readJournal(folder.journal)).events)
    if (started?.name === name && started.experiment === experiment) return folder
  }
  return null
}
