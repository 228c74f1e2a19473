/** `runner ui`: MLflow's pages on the embedded store, or on the server that the environment names. */
import { MlflowError, type MlflowClient } from 'mlflow-js-client'
import { goalOf } from '../experiment/schema/training.ts'
import { isWritten } from '../journal/writer.ts'
import { readJournal } from '../journal/journal.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { project } from '../tracking/projection.ts'
import { syncRun, type SyncReport } from '../tracking/sync-run.ts'
import { runUrl, startUrl, sweepUrl, viewUrl } from '../tracking/urls.ts'
import { runsView, sweepView, type View } from '../tracking/views.ts'
import { settleKilled } from './killed.ts'
import type { Listener } from './story.ts'
import { requireRun } from './sync.ts'
import { requireConnection, trackingFault } from './track.ts'
import type { Workspace } from './workspace.ts'

export interface OpenPages {
  /** Of the run, of the sweep's trials, or the list of experiments. */
  readonly url: string
  /** Where a run's pictures and numbers stand beside those of its experiment's other runs; null where there is no such view. */
  readonly besideOthers: string | null
  close(): Promise<void>
}

type Pages = Pick<OpenPages, 'url' | 'besideOthers'>

/** The server stays until `close`. A run that is named is told first, so that its page is complete; of killed ones it is told that they ended. */
export async function openPages(run: string | null, workspace: Workspace, listen: Listener): Promise<OpenPages> {
  const folder = run === null ? null : await requireRun(run, workspace)
  const { client, release } = await requireConnection(workspace, listen)
  try {
    const pages = folder ? await tell(folder, client) : null
    await settleKilled(workspace, client)
    return { ...(pages ?? { url: startUrl(client.uri), besideOthers: null }), close: release }
  } catch (error) {
    await release()
    throw trackingFault(error)
  }
}

/** Null where there is nothing to tell. */
async function tell(folder: RunFolder, client: MlflowClient): Promise<Pages | null> {
  const isAlive = await isWritten(folder.journal)
  const { events } = await readJournal(folder.journal)
  const report = await syncRun(folder, events, client, { isAlive })
  if (!report) return null
  const { experimentId, runId } = report
  const values = events.find((event) => event.type === 'parameters')?.values ?? {}
  if (values['sweep.metric'] !== undefined) return { url: await sweepPage(values, report, client), besideOthers: null }
  const pictures = project(events)?.pictures.map(({ key }) => key) ?? []
  const besideOthers = pictures.length === 0 ? null : await keep(runsView(pictures), experimentId, client)
  return { url: runUrl(client.uri, experimentId, runId), besideOthers }
}

async function sweepPage(
  values: Readonly<Record<string, string>>,
  { experimentId, runId }: SyncReport,
  client: MlflowClient,
): Promise<string> {
  const each = values['sweep.metric'] ?? ''
  const best = each.replace('val/', 'best/')
  const isLossLike = goalOf(each) === 'minimize'
  const axes = Object.keys(values).flatMap((name) => (isAxis(name) ? [name.replace('sweep.', '')] : []))
  const isRepeated = axes.length > 0 && (Number(values['sweep.seeds']) > 1 || values['sweep.folds'] !== undefined)
  const arranged = sweepView({ runId, metric: { best, each }, isLossLike, axes, isRepeated })
  return (await keep(arranged, experimentId, client)) ?? sweepUrl(client.uri, experimentId, runId, best, isLossLike)
}

function isAxis(parameter: string): boolean {
  return parameter.startsWith('sweep.') && !['sweep.metric', 'sweep.seeds', 'sweep.folds', 'sweep.prune'].includes(parameter)
}

/** Its address; null where the server does not take it, such as from somebody who may not change the experiment. */
async function keep({ tag, key }: View, experimentId: string, client: MlflowClient): Promise<string | null> {
  if (!tag) return null
  try {
    await client.setExperimentTag(experimentId, tag)
    return viewUrl(client.uri, experimentId, key)
  } catch (error) {
    if (error instanceof MlflowError) return null
    throw error
  }
}
