/** `runner reproduce RUN`: the same training once more, held against the first, bit for bit. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { Fault } from '../diagnostics/diagnostic.ts'
import type { Recorded } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import { differentData, differentMachine, type Difference } from './differences.ts'
import { loadChecked } from './load.ts'
import { prepareData } from './prepare.ts'
import { readCommit, uncommitted } from './provenance.ts'
import { readEvents } from './read-events.ts'
import type { Listener, RunSummary } from './story.ts'
import { requireRun } from './sync.ts'
import { trainExperiment } from './train.ts'
import type { Workspace } from './workspace.ts'

export interface ReproduceRequest {
  /** Id, beginning of an id, folder, or `last`. */
  readonly run: string
  readonly workspace: Workspace
  readonly listen: Listener
  readonly signal: AbortSignal
}

export interface Reproduction {
  readonly original: RunFolder
  readonly summary: RunSummary
  /** Null where the second training was interrupted. */
  readonly outcome: Outcome | null
}

export interface Outcome {
  /** The first point at which the two part: an epoch's metric, or the weights; null where every bit is the same. */
  readonly parting: Parting | null
  /** Points that were held against each other. */
  readonly points: number
  readonly weightsHash: string
  /** Of code and machine: why other bits may have come out. */
  readonly circumstances: readonly Difference[]
}

export interface Parting {
  /** `epoch 3, train/loss` or `the last weights` */
  readonly where: string
  readonly before: string
  readonly now: string
}

/** Throws `Fault` where the run did not finish, where its images are others now, and as `trainExperiment` does. */
export async function reproduceRun({ run, workspace, listen, signal }: ReproduceRequest): Promise<Reproduction> {
  const original = await requireRun(run, workspace)
  const { events } = await readEvents(original)
  if (foldRun(events).status !== 'finished') {
    const message = `${original.id} is not finished, and there is nothing to hold a second training against`
    throw new Fault([{ code: 'run-unfinished', severity: 'error', message, hint: `runner resume ${original.id}` }], 1)
  }
  // 1. The run's own values on the images of today: where those are others, no training is needed to know the answer.
  const { located, sources } = await loadChecked(original.resolved, [], workspace)
  const dataset = await prepareData(located, sources, { workspace, listen, signal })
  const differences = differentData(events, dataset)
  if (differences.length > 0)
    throw new Fault(
      differences.map((difference): Diagnostic => ({ code: 'reproduce-differs', severity: 'error', ...difference })),
      1,
    )
  // 2. A run like any other, that says whose double it is.
  const set = [`tracking.tags.reproduces=${original.id}`]
  const summary = await trainExperiment({ loaded: await loadChecked(original.resolved, set, workspace), workspace, listen, signal })
  if (summary.status === 'interrupted') return { original, summary, outcome: null }
  // 3. Point by point.
  const { events: again } = await readEvents(summary.folder)
  return {
    original,
    summary,
    outcome: { ...held(events, again), circumstances: await circumstancesOf(original, events, summary.folder, again) },
  }
}

/** Journal against journal: every metric of every epoch that counts, then the hash of the last weights. */
export function held(before: readonly Recorded[], now: readonly Recorded[]): Omit<Outcome, 'circumstances'> {
  const [points, pointsNow] = [pointsOf(before), pointsOf(now)]
  const names = [...new Set([...points.keys(), ...pointsNow.keys()])]
  const where = names.find((name) => !Object.is(points.get(name), pointsNow.get(name)))
  const parting =
    where === undefined ? null : { where, before: String(points.get(where) ?? 'nothing'), now: String(pointsNow.get(where) ?? 'nothing') }
  return { parting, points: names.length, weightsHash: String(pointsNow.get(weights) ?? '') }
}

const weights = 'the last weights'

function pointsOf(events: readonly Recorded[]): ReadonlyMap<string, number | string> {
  const points = new Map<string, number | string>()
  for (const { epoch, metrics } of foldRun(events).committed)
    for (const [name, value] of Object.entries(metrics)) points.set(`epoch ${epoch}, ${name}`, value)
  const trained = events.findLast((event) => event.type === 'trained')
  if (trained) points.set(weights, trained.weightsHash)
  const evaluated = events.findLast((event) => event.type === 'evaluated')
  for (const [name, value] of Object.entries(evaluated?.metrics ?? {})) points.set(name, value)
  return points
}

async function circumstancesOf(
  original: RunFolder,
  events: readonly Recorded[],
  double: RunFolder,
  again: readonly Recorded[],
): Promise<Difference[]> {
  const engine = again.find((event) => event.type === 'engine-started')
  const machine = engine ? await differentMachine(original, events, engine) : []
  const [before, now] = await Promise.all([readCommit(original), readCommit(double)])
  const isKnown = before === now && !before.endsWith(uncommitted)
  const hint = 'Other code may compute other bits; git checkout of the first commit tells.'
  const code = isKnown ? [] : [{ message: 'the code may not be what it was', expected: before, received: now, hint }]
  return [...machine, ...code]
}
