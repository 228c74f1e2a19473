/** `runner sync`: tells MLflow what it has not got. */
import { Fault } from '../diagnostics/diagnostic.ts'
import { JournalDamage, readJournal } from '../journal/journal.ts'
import { findRun, listRuns, type RunFolder } from '../journal/run-folder.ts'
import { syncRun } from '../tracking/sync-run.ts'
import { runUrl } from '../tracking/urls.ts'
import type { Listener } from './story.ts'
import { requireConnection, trackingFault } from './track.ts'
import { runsOf, type Workspace } from './workspace.ts'

export interface Synced {
  readonly run: string
  /** Its page; null where the journal is damaged or says nothing, and nothing was told. */
  readonly url: string | null
}

/** The run named, or every run where none is. A run with a damaged journal does not keep the others from being told. */
export async function syncRuns(name: string | null, workspace: Workspace, listen: Listener): Promise<readonly Synced[]> {
  const folders = name === null ? await listRuns(runsOf(workspace)) : [await requireRun(name, workspace)]
  if (folders.length === 0) return []
  const { client, release } = await requireConnection(workspace, listen)
  try {
    const synced: Synced[] = []
    for (const folder of folders) {
      const events = await eventsOf(folder, listen)
      const report = await syncRun(folder, events, client).catch((error: unknown) => Promise.reject(trackingFault(error)))
      synced.push({ run: folder.id, url: report ? runUrl(client.uri, report.experimentId, report.runId) : null })
    }
    return synced
  } finally {
    await release()
  }
}

async function eventsOf(folder: RunFolder, listen: Listener) {
  try {
    return (await readJournal(folder.journal)).events
  } catch (error) {
    if (!(error instanceof JournalDamage)) throw error
    listen({
      type: 'warnings',
      diagnostics: [{ code: 'journal-damaged', severity: 'warning', message: error.message }],
      sources: new Map(),
    })
    return []
  }
}

/** Throws `Fault` where there is no such run, or more than one. */
export async function requireRun(name: string, workspace: Workspace): Promise<RunFolder> {
  const folder = await findRun(runsOf(workspace), name, workspace.cwd)
  if (folder) return folder
  const message = `no run, or more than one, is called ${JSON.stringify(name)}`
  throw new Fault([{ code: 'run-unknown', severity: 'error', message, hint: 'runner list shows them; `last` is the newest.' }], 2)
}
