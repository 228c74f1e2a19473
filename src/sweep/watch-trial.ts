/** A trial that another process trains: its journal read as it grows, shown, and told to MLflow. */
import { join } from 'node:path'
import { followJournal, type FollowedJournal } from '../journal/follow.ts'
import { runFolder, type RunFolder } from '../journal/run-folder.ts'
import type { Listener } from '../run/story.ts'
import { prepareTracking, type RunTracking } from '../run/track.ts'
import { standing, type Standing } from './ended-trial.ts'
import type { MissingPoint, OpenSweep } from './launcher.ts'
import type { TaskRecord } from './slurm-job.ts'
import { readTrial } from './trials.ts'

export interface WatchedTrial {
  /** Resolves with whether there was anything new. */
  look(record: TaskRecord | null): Promise<boolean>
  standing(): Promise<Standing>
  /** Tells MLflow the rest. */
  finish(isHurried: boolean): Promise<void>
}

interface Followed {
  readonly folder: RunFolder
  readonly journal: FollowedJournal
  readonly tracking: RunTracking
}

export function watchTrial({ loaded, digest }: MissingPoint, { request, folder, journal, known }: OpenSweep): WatchedTrial {
  const { workspace } = request
  const listen: Listener = (event) => request.listen({ type: 'trial-story', name: loaded.name, event })
  let followed: Followed | null = null
  const follow = async (run: string): Promise<Followed> => {
    const own = runFolder(join(folder.path, run))
    const tracking = prepareTracking(loaded.located.experiment.tracking, workspace, listen)
    const followedJournal = followJournal(own.journal)
    await journal.append({ type: 'trial-begun', point: digest, run })
    tracking.begin({ folder: own, journal: { events: followedJournal.events, append: (event) => journal.append(event) } })
    return { folder: own, journal: followedJournal, tracking }
  }
  const look = async (record: TaskRecord | null): Promise<boolean> => {
    const run = record?.run ?? null
    if (run !== null && followed?.folder.id !== run) {
      await followed?.tracking.finish(true)
      followed = await follow(run)
    }
    const added = (await followed?.journal.poll()) ?? []
    for (const event of added) listen({ type: 'journal', event })
    if (added.length > 0) followed?.tracking.wake()
    return added.length > 0
  }
  return {
    look,
    async standing() {
      const run = followed?.folder ?? known.get(digest)?.folder ?? null
      return standing(run ? await readTrial(run) : null)
    },
    async finish(isHurried) {
      await look(null)
      await followed?.tracking.finish(isHurried)
    },
  }
}
