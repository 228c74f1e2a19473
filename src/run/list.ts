/** `runner list`: the runs and what became of them. */
import { readJournal } from '../journal/journal.ts'
import { listRuns, mlflowFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import { reapServer } from '../tracking/embedded-server.ts'
import { runsOf, type Workspace } from './workspace.ts'

export interface ListedRun {
  readonly id: string
  readonly status: string
  readonly epochs: string
  /** The last committed validation AUC, or accuracy. */
  readonly score: string
}

export async function describeRuns(workspace: Workspace): Promise<readonly ListedRun[]> {
  await reapServer(mlflowFolder(runsOf(workspace)))
  const listed: ListedRun[] = []
  for (const folder of await listRuns(runsOf(workspace))) {
    const state = await readJournal(folder.journal).then(
      ({ events }) => foldRun(events),
      () => null,
    )
    if (!state) listed.push({ id: folder.id, status: 'damaged journal', epochs: '', score: '' })
    else {
      const metrics = state.committed.at(-1)?.metrics ?? {}
      const score = metrics['val/roc_auc'] ?? metrics['val/accuracy']
      listed.push({
        id: folder.id,
        status: state.status === 'running' ? 'running or killed' : state.status,
        epochs: `${state.committed.length}/${state.started?.epochs ?? 0}`,
        score: score === undefined ? '' : score.toFixed(3),
      })
    }
  }
  return listed
}
