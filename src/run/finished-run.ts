/** A finished run as what follows a training needs it: the experiment, the network, the selected weights and the operating point. */
import { readFile } from 'node:fs/promises'
import type { Pack } from '../dataset/manifest.ts'
import { Fault } from '../diagnostics/diagnostic.ts'
import { EngineError, type Engine } from '../engine/engine.ts'
import { readPredictions } from '../evaluation/predictions-csv.ts'
import type { Experiment } from '../experiment/experiment.ts'
import type { Recorded } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import type { Network } from '../network/plan.ts'
import { thresholdOf } from './compared-run.ts'
import { loadChecked } from './load.ts'
import { engineFault, type Preparation } from './prepare.ts'
import { readEvents } from './read-events.ts'
import { judgementOf } from './results.ts'
import { requireRun } from './sync.ts'
import type { Workspace } from './workspace.ts'

export interface FinishedRun {
  readonly folder: RunFolder
  readonly events: readonly Recorded[]
  readonly experiment: Experiment
  readonly network: Network
}

/** Throws `Fault` where there is no such run, or it is not finished. */
export async function readFinishedRun(name: string, workspace: Workspace): Promise<FinishedRun> {
  const folder = await requireRun(name, workspace)
  const { events } = await readEvents(folder)
  const { status, committed } = foldRun(events)
  if (status !== 'finished' || committed.length === 0) {
    const message = `${folder.id} is not finished, and has no selected weights: it is ${status}`
    throw new Fault([{ code: 'run-unfinished', severity: 'error', message, hint: `runner resume ${folder.id}` }], 1)
  }
  const { located, network } = await loadChecked(folder.resolved, [], workspace)
  return { folder, events, experiment: located.experiment, network }
}

/** Tags of the run that make its numbers mean something else. */
export function caveatTags(events: readonly Recorded[]): string[] {
  const tags = foldRun(events).started?.tags ?? {}
  return ['synthetic', 'leakage'].filter((tag) => tags[tag] !== undefined)
}

/**
 * From which probability the positive class is called: as the final evaluation had it, else chosen from what the run said of its validation
 * images, as a trial of a sweep. Null where the most probable of many classes decides. Warns where there is neither, and takes .5.
 */
export async function operatingPoint({ folder, events, experiment }: FinishedRun, listen: Preparation['listen']): Promise<number | null> {
  const { classes, positive } = judgementOf(experiment)
  if (positive === null) return null
  const evaluated = events.findLast((event) => event.type === 'evaluated')?.metrics['test/threshold']
  if (evaluated !== undefined) return evaluated
  const rows = readPredictions(await readFile(folder.predictions, 'utf8').catch(() => ''), classes) ?? []
  if (rows.some(({ split }) => split === 'validation')) return thresholdOf(rows, experiment)
  const message = `${folder.id} has no threshold, neither in its journal nor in its predictions: ${classes[positive] ?? ''} is called from 0.5 on`
  listen({ type: 'warnings', diagnostics: [{ code: 'threshold-unknown', severity: 'warning', message }], sources: new Map() })
  return 0.5
}

/** [rows, classes] of the selected weights; the engine is stopped. Throws `Fault` where it cannot. */
export async function predictRows(
  { experiment, network, folder }: FinishedRun,
  pack: Pack,
  rows: readonly number[],
  engine: Engine,
  listen: Preparation['listen'],
): Promise<Float32Array> {
  const { checkpoints, executables } = folder
  const { batchSize } = experiment.evaluation
  const { precision } = experiment.runtime
  const onDone = (done: number): void => listen({ type: 'data', progress: { what: 'predicting', done, total: rows.length } })
  try {
    if (rows.length === 0) return new Float32Array()
    return await engine.predictPack({ network, checkpoints, pack, rows: Int32Array.from(rows), batchSize, precision, executables }, onDone)
  } catch (error) {
    throw error instanceof EngineError ? engineFault(error) : error
  } finally {
    await engine.stop()
  }
}
