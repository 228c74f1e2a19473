/** `runner ui`: MLflow's pages on the embedded store, or on the server that the environment names. */
import { readJournal } from '../journal/journal.ts'
import { syncRun } from '../tracking/sync-run.ts'
import { runUrl, startUrl } from '../tracking/urls.ts'
import type { Listener } from './story.ts'
import { requireRun } from './sync.ts'
import { requireConnection, trackingFault } from './track.ts'
import type { Workspace } from './workspace.ts'

export interface OpenPages {
  readonly url: string
  close(): Promise<void>
}

/** The server stays until `close`. A run that is named is told first, so that its page is complete. */
export async function openPages(run: string | null, workspace: Workspace, listen: Listener): Promise<OpenPages> {
  const folder = run === null ? null : await requireRun(run, workspace)
  const { client, release } = await requireConnection(workspace, listen)
  try {
    const report = folder ? await syncRun(folder, (await readJournal(folder.journal)).events, client) : null
    const url = report ? runUrl(client.uri, report.experimentId, report.runId) : startUrl(client.uri)
    return { url, close: release }
  } catch (error) {
    await release()
    throw trackingFault(error)
  }
}
