/** `runner ui`: MLflow's pages on the embedded store, or on the server that the environment names. */
import { Fault } from '../diagnostics/diagnostic.ts'
import { readJournal } from '../journal/journal.ts'
import { syncRun } from '../tracking/sync-run.ts'
import { runUrl } from '../tracking/urls.ts'
import { requireRun } from './sync.ts'
import type { Listener } from './story.ts'
import { connect } from './track.ts'
import type { Workspace } from './workspace.ts'

export interface OpenPages {
  readonly url: string
  close(): Promise<void>
}

/** The server stays until `close`. A run that is named is told first, so that its page is complete. */
export async function openPages(run: string | null, workspace: Workspace, listen: Listener): Promise<OpenPages> {
  const folder = run === null ? null : await requireRun(run, workspace)
  const { client, release } = await connect(workspace, listen).catch((error: unknown) => {
    if (error instanceof Fault) throw error
    throw new Fault(
      [{ code: 'tracking-unavailable', severity: 'error', message: error instanceof Error ? error.message : String(error) }],
      3,
    )
  })
  const report = folder ? await syncRun(folder, (await readJournal(folder.journal)).events, client) : null
  const url = report ? runUrl(client.uri, report.experimentId, report.runId) : `${client.uri}/#/experiments?workflowType=machine_learning`
  return { url, close: release }
}
