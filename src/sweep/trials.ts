/** The points of a sweep and the runs that were made of them: what is done, what goes on, what is missing. */
import { readJournal } from '../journal/journal.ts'
import { runsInside, type RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import { isWritten } from '../journal/writer.ts'
import { trialTag } from '../run/begin.ts'
import type { Metrics, Recorded } from '../journal/events.ts'

export interface KnownTrial {
  readonly folder: RunFolder
  readonly point: string
  /** `stopped` was interrupted or killed, and goes on by exact resume; `pruned` could. */
  readonly state: 'finished' | 'pruned' | 'failed' | 'stopped' | 'running'
  readonly events: readonly Recorded[]
  /** Of the selected epoch, by the names of validation; empty until it has finished. */
  readonly metrics: Metrics
  /** Why it failed or was pruned. */
  readonly reason: string | null
}

/** Of each point the run that got furthest. A run that is not its point's only one stays where it is, and is not looked at. */
export async function knownTrials(sweep: RunFolder): Promise<ReadonlyMap<string, KnownTrial>> {
  const rank = { finished: 4, running: 3, pruned: 2, stopped: 1, failed: 0 } as const
  const known = new Map<string, KnownTrial>()
  for (const folder of await runsInside(sweep.path)) {
    const trial = await readTrial(folder)
    const before = trial && known.get(trial.point)
    if (trial && (!before || rank[trial.state] >= rank[before.state])) known.set(trial.point, trial)
  }
  return known
}

/** Null for a folder whose run never began. */
export async function readTrial(folder: RunFolder): Promise<KnownTrial | null> {
  const { events } = await readJournal(folder.journal)
  const { started, status, reason } = foldRun(events)
  const point = started?.tags[trialTag.point]
  if (point === undefined) return null
  const state = await stateOf(status, folder)
  const evaluated = events.findLast((event) => event.type === 'evaluated')
  const best = Object.entries(evaluated?.metrics ?? {}).filter(([name]) => name.startsWith('best/') && name !== 'best/epoch')
  const metrics = Object.fromEntries(best.map(([name, value]) => [name.replace('best/', 'val/'), value]))
  return { folder, point, state, events, metrics, reason }
}

async function stateOf(status: ReturnType<typeof foldRun>['status'], { journal }: RunFolder): Promise<KnownTrial['state']> {
  if (status === 'finished' || status === 'failed' || status === 'pruned') return status
  return status === 'running' && (await isWritten(journal)) ? 'running' : 'stopped'
}
