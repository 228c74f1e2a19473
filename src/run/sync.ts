/** `runner sync`: tells MLflow what it has not got. */
import { MlflowError, type MlflowClient } from 'mlflow-js-client'
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import { isWritten } from '../journal/writer.ts'
import { JournalDamage, readJournal } from '../journal/journal.ts'
import { findRun, listComparisons, listRuns, listSweeps, type RunFolder } from '../journal/run-folder.ts'
import { syncRun } from '../tracking/sync-run.ts'
import { runUrl } from '../tracking/urls.ts'
import type { Listener } from './story.ts'
import { messageOf, requireConnection, trackingFault } from './track.ts'
import { runsOf, type Workspace } from './workspace.ts'

export interface Synced {
  readonly run: string
  /** Null where the journal says nothing yet, or where a fault kept MLflow from being told. */
  readonly told: Told | null
  /** What MLflow does not have, and why: a warning where it is a part. */
  readonly fault: Diagnostic | null
}

export interface Told {
  /** The run's page. */
  readonly url: string
  /** Points, and files or folders, that MLflow did not have. */
  readonly metrics: number
  readonly artifacts: number
}

/** The run named, or every sweep, run and comparison where none is. What keeps one run from being told keeps no other; a server that is gone ends it with a `Fault`. */
export async function syncRuns(name: string | null, workspace: Workspace, listen: Listener): Promise<readonly Synced[]> {
  const runs = runsOf(workspace)
  const folders =
    name === null
      ? [...(await listSweeps(runs)), ...(await listRuns(runs)), ...(await listComparisons(runs))]
      : [await requireRun(name, workspace)]
  if (folders.length === 0) return []
  const { client, release } = await requireConnection(workspace, listen)
  try {
    const synced: Synced[] = []
    for (const folder of folders) synced.push(await syncOne(folder, client))
    return synced
  } finally {
    await release()
  }
}

async function syncOne(folder: RunFolder, client: MlflowClient): Promise<Synced> {
  const run = folder.id
  try {
    const isAlive = await isWritten(folder.journal)
    const { events } = await readJournal(folder.journal)
    const report = await syncRun(folder, events, client, { isAlive })
    if (!report) return { run, told: null, fault: null }
    const { experimentId, runId, metrics, artifacts, missing } = report
    return { run, told: { url: runUrl(client.uri, experimentId, runId), metrics, artifacts }, fault: faultOfMissing(run, missing) }
  } catch (error) {
    const message = `${run}: ${messageOf(error)}`
    if (error instanceof JournalDamage) return { run, told: null, fault: { code: 'journal-damaged', severity: 'error', message } }
    if (error instanceof MlflowError && !error.isPassing)
      return { run, told: null, fault: { code: 'tracking-refused', severity: 'error', message } }
    throw trackingFault(error)
  }
}

function faultOfMissing(run: string, missing: readonly string[]): Diagnostic | null {
  if (missing.length === 0) return null
  const message = `${run}: MLflow has not got ${missing.join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} no longer in the run folder`
  return {
    code: 'run-files-missing',
    severity: 'warning',
    message,
    hint: 'Put them back and sync again, or leave it: the journal has every number.',
  }
}

/** Throws `Fault` where there is no such run, or more than one. */
export async function requireRun(name: string, workspace: Workspace): Promise<RunFolder> {
  const folder = await findRun(runsOf(workspace), name, workspace.cwd)
  if (folder) return folder
  const message = `no run, or more than one, is called ${JSON.stringify(name)}`
  throw new Fault([{ code: 'run-unknown', severity: 'error', message, hint: 'runner list shows them; `last` is the newest.' }], 2)
}
