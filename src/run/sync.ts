/** `runner sync`: tells MLflow what it has not got. */
import { Fault } from '../diagnostics/diagnostic.ts'
import { readJournal } from '../journal/journal.ts'
import { findRun, listRuns, type RunFolder } from '../journal/run-folder.ts'
import { syncRun } from '../tracking/sync-run.ts'
import { runUrl } from '../tracking/urls.ts'
import type { Listener } from './story.ts'
import { connect } from './track.ts'
import { runsOf, type Workspace } from './workspace.ts'

export interface Synced {
  readonly run: string
  readonly url: string
}

/** The run named, or every run where none is. */
export async function syncRuns(name: string | null, workspace: Workspace, listen: Listener): Promise<readonly Synced[]> {
  const folders = name === null ? await listRuns(runsOf(workspace)) : [await requireRun(name, workspace)]
  const connected = await connect(workspace, listen).catch((error: unknown) => {
    throw error instanceof Fault ? error : trackingFault(error)
  })
  try {
    const synced: Synced[] = []
    for (const folder of folders) {
      const { events } = await readJournal(folder.journal)
      const report = await syncRun(folder, events, connected.client).catch((error: unknown) => {
        throw trackingFault(error)
      })
      if (report) synced.push({ run: folder.id, url: runUrl(connected.client.uri, report.experimentId, report.runId) })
    }
    return synced
  } finally {
    await connected.release()
  }
}

export async function requireRun(name: string, workspace: Workspace): Promise<RunFolder> {
  const folder = await findRun(runsOf(workspace), name, workspace.cwd)
  if (folder) return folder
  const message = `no run, or more than one, is called ${JSON.stringify(name)}`
  throw new Fault([{ code: 'run-unknown', severity: 'error', message, hint: 'runner list shows them; `last` is the newest.' }], 2)
}

function trackingFault(error: unknown): Fault {
  return new Fault(
    [{ code: 'tracking-unavailable', severity: 'error', message: error instanceof Error ? error.message : String(error) }],
    3,
  )
}
