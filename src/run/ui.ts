/** `runner ui`: MLflow's pages on the embedded store, or on the server that the environment names. */
import type { MlflowClient } from 'mlflow-js-client'
import { goalOf } from '../experiment/schema/training.ts'
import { isWritten } from '../journal/writer.ts'
import { readJournal } from '../journal/journal.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { syncRun } from '../tracking/sync-run.ts'
import { runUrl, startUrl, sweepUrl } from '../tracking/urls.ts'
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
    const url = folder ? await tell(folder, client) : null
    await settleKilled(workspace, client)
    return { url: url ?? startUrl(client.uri), close: release }
  } catch (error) {
    await release()
    throw trackingFault(error)
  }
}

/** Resolves with its page: of a sweep that of its trials. */
async function tell(folder: RunFolder, client: MlflowClient): Promise<string | null> {
  const isAlive = await isWritten(folder.journal)
  const { events } = await readJournal(folder.journal)
  const report = await syncRun(folder, events, client, { isAlive })
  if (!report) return null
  const { experimentId, runId } = report
  const metric = events.find((event) => event.type === 'parameters')?.values['sweep.metric']
  return metric === undefined
    ? runUrl(client.uri, experimentId, runId)
    : sweepUrl(client.uri, experimentId, runId, metric.replace('val/', 'best/'), goalOf(metric) === 'minimize')
}
