/** `runner list`: the runs and what became of them. */
import { isWritten } from '../journal/writer.ts'
import { readJournal } from '../journal/journal.ts'
import { listRuns, mlflowFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import { reapServer } from '../tracking/embedded-server.ts'
import { runsOf, type Workspace } from './workspace.ts'

export interface ListedRun {
  readonly id: string
  readonly experiment: string
  readonly status: string
  /** `12/40` */
  readonly epochs: string
  /** Metrics by name: of the test where it was read, else of the last committed epoch's validation. */
  readonly metrics: Readonly<Record<string, number>>
  /** What makes the numbers mean something else: synthetic data, a leaky split. */
  readonly caveats: readonly string[]
}

const damaged = { experiment: '', status: 'damaged journal', epochs: '', metrics: {}, caveats: [] } as const

/** Oldest first. Stops an embedded server that a killed run left behind. */
export async function describeRuns(workspace: Workspace): Promise<readonly ListedRun[]> {
  await reapServer(mlflowFolder(runsOf(workspace)))
  const folders = await listRuns(runsOf(workspace))
  return Promise.all(
    folders.map(async (folder) => {
      const replay = await readJournal(folder.journal).catch(() => null)
      if (!replay) return { id: folder.id, ...damaged }
      const { started, status, committed } = foldRun(replay.events)
      const evaluated = replay.events.findLast((event) => event.type === 'evaluated')
      return {
        id: folder.id,
        experiment: started?.experiment ?? '',
        status: status === 'running' && !(await isWritten(folder.journal)) ? 'killed' : status,
        epochs: `${committed.length}/${Math.max(started?.epochs ?? 0, committed.length)}`,
        metrics: evaluated?.metrics ?? committed.at(-1)?.metrics ?? {},
        caveats: ['synthetic', 'leakage'].filter((tag) => started?.tags[tag] !== undefined),
      }
    }),
  )
}
