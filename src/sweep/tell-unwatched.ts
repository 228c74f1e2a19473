/** Trials that ended while nobody watched, or whose watcher was killed before MLflow had their end: it is told of them now. */
import type { Journal } from '../journal/journal.ts'
import type { Listener } from '../run/story.ts'
import { prepareTracking } from '../run/track.ts'
import type { Workspace } from '../run/workspace.ts'
import type { Tracking } from '../experiment/experiment.ts'
import { readReceipt } from '../tracking/receipt.ts'
import type { KnownTrial } from './trials.ts'

export async function tellUnwatched(
  trials: Iterable<KnownTrial>,
  { journal, tracking, workspace, listen }: { journal: Journal; tracking: Tracking; workspace: Workspace; listen: Listener },
): Promise<void> {
  for (const { folder, state, events } of trials) {
    if (state !== 'finished' && state !== 'failed') continue
    const told = (await readReceipt(folder))?.status
    if (told === 'FINISHED' || told === 'FAILED') continue
    const telling = prepareTracking(tracking, workspace, listen)
    telling.begin({ folder, journal: { events, append: (event) => journal.append(event) } })
    await telling.finish(false)
  }
}
