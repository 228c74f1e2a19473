/** `runner ui`: MLflow's pages on the embedded store, or on the server that the environment names. */
import type { MlflowClient } from 'mlflow-js-client'
import { isWritten } from '../journal/writer.ts'
import { readJournal } from '../journal/journal.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { syncRun, type SyncReport } from '../tracking/sync-run.ts'
import { runUrl, startUrl } from '../tracking/urls.ts'
import { settleKilled } from './killed.ts'
import type { Listener } from './story.ts'
import { requireRun } from './sync.ts'
import { requireConnection, trackingFault } from './track.ts'
import type { Workspace } from './workspace.ts'

export interface OpenPages {
  readonly url: string
  close(): Promise<void>
}

/** The server stays until `close`. A run that is named is told first, so that its page is complete; of killed ones it is told that they ended. */
export async function openPages(run: string | null, workspace: Workspace, listen: Listener): Promise<OpenPages> {
  const folder = run === null ? null : await requireRun(run, workspace)
  const { client, release } = await requireConnection(workspace, listen)
  try {
    const report = folder ? await tell(folder, client) : null
    await settleKilled(workspace, client)
    const url = report ? runUrl(client.uri, report.experimentId, report.runId) : startUrl(client.uri)
    return { url, close: release }
  } catch (error) {
    await release()
    throw trackingFault(error)
  }
}

async function tell(folder: RunFolder, client: MlflowClient): Promise<SyncReport | null> {
  const isAlive = await isWritten(folder.journal)
  return syncRun(folder, (await readJournal(folder.journal)).events, client, { isAlive })
}
