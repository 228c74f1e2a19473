/** A run whose process was killed, or whose server went away before its end, stays RUNNING in MLflow until a later command tells the rest. */
import type { MlflowClient } from 'mlflow-js-client'
import { isWritten } from '../journal/writer.ts'
import { readJournal } from '../journal/journal.ts'
import { listRuns, type RunFolder } from '../journal/run-folder.ts'
import { readReceipt } from '../tracking/receipt.ts'
import { syncRun } from '../tracking/sync-run.ts'
import { runsOf, type Workspace } from './workspace.ts'

/** Runs that MLflow was last told are RUNNING, and that nobody writes any more. */
export async function findKilled(workspace: Workspace): Promise<readonly RunFolder[]> {
  const killed: RunFolder[] = []
  for (const folder of await listRuns(runsOf(workspace)))
    if ((await readReceipt(folder))?.status === 'RUNNING' && !(await isWritten(folder.journal))) killed.push(folder)
  return killed
}

/** For a command that speaks to MLflow anyway. What cannot be told now is told by the next one; a server that has no such run gets none. */
export async function settleKilled(workspace: Workspace, client: MlflowClient): Promise<void> {
  for (const folder of await findKilled(workspace)) {
    const replay = await readJournal(folder.journal).catch(() => null)
    if (replay) await syncRun(folder, replay.events, client, { isAlive: false, mayCreate: false })
  }
}
