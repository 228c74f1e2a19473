/** A run as it is compared: what it was made from, and what it said of each image of validation or test. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parse } from 'csv-parse/sync'
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import type { Configured } from '../evaluation/group-runs.ts'
import { readPredictions, type PredictedRow } from '../evaluation/predictions-csv.ts'
import { wordOf, type SeenImage } from '../evaluation/same-images.ts'
import { chooseThreshold } from '../evaluation/threshold.ts'
import { foldOf, type Experiment } from '../experiment/experiment.ts'
import { flattenParameters } from '../experiment/flatten-parameters.ts'
import type { Recorded } from '../journal/events.ts'
import { runsInside, type RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import { loadChecked } from './load.ts'
import { readEvents } from './read-events.ts'
import type { Listener } from './story.ts'
import { trialTag } from './begin.ts'
import { requireRun } from './sync.ts'
import type { Workspace } from './workspace.ts'

export interface RunToCompare extends Configured {
  readonly folder: RunFolder
  readonly experiment: Experiment
  /** The operating point of the positive class; null where the most probable class decides. */
  readonly threshold: number | null
  /** Sorted by path: in one order for all runs. */
  readonly images: readonly (SeenImage & PredictedRow)[]
  /** What makes its numbers mean something else: `synthetic`, `leakage`. */
  readonly caveats: readonly string[]
}

/**
 * The run that is named; or all finished runs in the folder that is named, with a warning for each of the others. Of a variant with a pruned
 * seed none is taken. Throws `Fault` where a run is not there, did not finish, or has lost its predictions.
 */
export async function readRunsToCompare(
  name: string,
  split: 'validation' | 'test',
  { workspace, listen }: { readonly workspace: Workspace; readonly listen: Listener },
): Promise<RunToCompare[]> {
  const inside = await runsInside(resolve(workspace.cwd, name))
  if (inside.length === 0) {
    const folder = await requireRun(name, workspace)
    const state = await stateOf(folder)
    if (state.unfinished) throw new Fault([state.unfinished], 1)
    return [await readRun(folder, state, split, workspace)]
  }
  const states = await Promise.all(inside.map(async (folder) => ({ folder, ...(await stateOf(folder)) })))
  const unfinished = states.flatMap((state): Diagnostic[] => (state.unfinished ? [{ ...state.unfinished, severity: 'warning' }] : []))
  const prunedVariants = new Set(states.flatMap(({ variant, isPruned }) => (isPruned && variant !== null ? [variant] : [])))
  const isWhole = ({ variant }: State): boolean => variant === null || !prunedVariants.has(variant)
  const partial = states.filter((state) => state.unfinished === null && !isWhole(state)).map(leftOver)
  const diagnostics = [...unfinished, ...partial]
  if (diagnostics.length > 0) listen({ type: 'warnings', diagnostics, sources: new Map() })
  const finished = states.filter((state) => state.unfinished === null && isWhole(state))
  return Promise.all(finished.map(({ folder, ...state }) => readRun(folder, state, split, workspace)))
}

interface State {
  readonly events: readonly Recorded[]
  /** What is to be said where it is not finished. */
  readonly unfinished: Diagnostic | null
  readonly isPruned: boolean
  /** Of a sweep's trial. */
  readonly variant: string | null
}

async function stateOf(folder: RunFolder): Promise<State> {
  const { events } = await readEvents(folder)
  const { status, started } = foldRun(events)
  const isPruned = status === 'pruned'
  const state = { events, isPruned, variant: started?.tags[trialTag.variant] ?? null }
  if (status === 'finished') return { ...state, unfinished: null }
  const message = `${folder.id} is not finished, and cannot be compared: it is ${status}`
  const hint = isPruned
    ? `Its sweep stopped it, so that it has no result; runner resume ${folder.id} takes it to its end.`
    : `runner resume ${folder.id}`
  return { ...state, unfinished: { code: 'run-unfinished', severity: 'error', message, hint } }
}

/** What is left of a variant after pruning was chosen for being good. */
function leftOver({ folder, variant }: State & { readonly folder: RunFolder }): Diagnostic {
  const message = `${folder.id} is left out: other seeds of ${JSON.stringify(variant)} were pruned, and what is left of them is not their mean`
  return {
    code: 'variant-pruned',
    severity: 'warning',
    message,
    hint: 'Take prune out of the sweep and run it again: pruned trials are taken to their end.',
  }
}

async function readRun(folder: RunFolder, { events }: State, split: 'validation' | 'test', workspace: Workspace): Promise<RunToCompare> {
  const { located } = await loadChecked(folder.resolved, [], workspace)
  const { experiment } = located
  const classes = experiment.dataset.classes.map((entry) => entry.name)
  const text = await readFile(folder.predictions, 'utf8').catch(() => null)
  const rows = text === null ? null : readPredictions(text, classes)
  if (!rows) {
    const what = text === null ? 'has no predictions.csv' : 'has a predictions.csv that was changed or belongs to another run'
    throw fault('predictions-unreadable', folder, what, 'Put the file back, or train it again: runner FILE.')
  }
  const hashes = await readHashes(folder)
  const images = rows
    .flatMap((row) => (row.split === split ? [{ ...row, sha256: hashes.get(row.path) ?? '' }] : []))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
  if (images.length === 0) {
    const hint =
      split === 'test' ? 'A trial of a sweep reads validation only: compare without --test.' : 'Compare on the test images: --test.'
    throw fault('predictions-unreadable', folder, `has no predictions of ${wordOf[split]} images`, hint)
  }
  const variant = foldRun(events).started?.tags[trialTag.variant] ?? ''
  return {
    run: folder.id,
    name: variant === '' ? experiment.name : variant,
    seed: experiment.seed,
    fold: foldOf(experiment),
    values: flattenParameters(experiment),
    folder,
    experiment,
    threshold: thresholdOf(rows, experiment),
    images,
    caveats: ['synthetic', 'leakage'].filter((tag) => foldRun(events).started?.tags[tag] !== undefined),
  }
}

/** As the run chose it: from its validation images, and from nothing else. */
export function thresholdOf(
  rows: readonly PredictedRow[],
  { dataset: { positive }, evaluation: { threshold } }: Experiment,
): number | null {
  if (positive === null) return null
  const validation = rows.filter(({ split }) => split === 'validation')
  return chooseThreshold(
    threshold,
    validation.map(({ probabilities }) => probabilities[positive] ?? NaN),
    validation.map((row) => row.class === positive),
  )
}

async function readHashes({ split }: RunFolder): Promise<ReadonlyMap<string, string>> {
  const rows: readonly Readonly<Record<string, string>>[] = parse(await readFile(split, 'utf8'), { columns: true })
  return new Map(rows.map(({ path = '', sha256 = '' }) => [path, sha256]))
}

function fault(code: string, { id }: RunFolder, what: string, hint: string): Fault {
  const diagnostic: Diagnostic = { code, severity: 'error', message: `${id} ${what}`, hint }
  return new Fault([diagnostic], 1)
}
