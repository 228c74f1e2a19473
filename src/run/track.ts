/** The way to MLflow for one run: a server that the environment names, or the embedded one, made ready beside the training. */
import { MlflowClient, connectionFromEnvironment, redactUri } from 'mlflow-js-client'
import { Fault } from '../diagnostics/diagnostic.ts'
import type { Tracking } from '../experiment/experiment.ts'
import type { Journal } from '../journal/journal.ts'
import { mlflowFolder, type RunFolder } from '../journal/run-folder.ts'
import { ensureMlflow } from '../setup/mlflow.ts'
import { acquireServer, type EmbeddedServer } from '../tracking/embedded-server.ts'
import { startTracker } from '../tracking/tracker.ts'
import { runUrl } from '../tracking/urls.ts'
import type { Listener } from './story.ts'
import { runsOf, type Workspace } from './workspace.ts'

export interface Connected {
  readonly client: MlflowClient
  readonly release: () => Promise<void>
}

/** Rejects where no server answers as MLflow does. */
export async function connect(workspace: Workspace, listen: Listener): Promise<Connected> {
  const named = connectionFromEnvironment(workspace.environment)
  if (named) {
    const client = new MlflowClient(named)
    await client.ping()
    return { client, release: () => Promise.resolve() }
  }
  const uri = workspace.environment['MLFLOW_TRACKING_URI']
  if (uri !== undefined && uri !== '')
    throw new Error(
      `MLFLOW_TRACKING_URI is ${redactUri(uri)}, and runner speaks to http:// and https:// servers only; unset it for the embedded one`,
    )
  const server = await startEmbedded(workspace, listen)
  return { client: new MlflowClient({ trackingUri: server.uri }), release: () => server.release() }
}

async function startEmbedded(workspace: Workspace, listen: Listener): Promise<EmbeddedServer> {
  const mlflow = await ensureMlflow({
    projectRoot: workspace.projectRoot,
    environment: workspace.environment,
    report: (progress) => listen({ type: 'setup', progress }),
  })
  if (!mlflow.value) throw new Fault(mlflow.diagnostics, 3)
  return acquireServer({
    folder: mlflowFolder(runsOf(workspace)),
    executable: mlflow.value.executable,
    environment: workspace.environment,
  })
}

export interface RunTracking {
  wake(): void
  /** Sends what is left, stops the embedded server if nobody else uses it; the page of the run, or null where something is missing. */
  finish(): Promise<string | null>
}

/** Long enough for a server that is only just starting, short enough to end with. */
const patienceMs = 60_000

export async function trackRun(
  tracking: Tracking,
  folder: RunFolder,
  journal: Journal,
  workspace: Workspace,
  listen: Listener,
): Promise<RunTracking> {
  if (!tracking.enabled) return { wake: () => undefined, finish: () => Promise.resolve(null) }
  const connecting = connect(workspace, listen)
  if (tracking.required) {
    await connecting.catch((error: unknown) => {
      if (error instanceof Fault) throw error
      const message = `tracking is required, and ${error instanceof Error ? error.message : String(error)}`
      throw new Fault([{ code: 'tracking-unavailable', severity: 'error', message }], 3)
    })
  }
  const warn = (message: string): void => listen({ type: 'tracking', isWarning: true, message })
  const client = connecting.then((connected) => connected.client)
  const tracker = startTracker({ folder, events: () => journal.events, client, onWarning: warn })
  return {
    wake: () => tracker.wake(),
    async finish() {
      const report = await tracker.close(patienceMs)
      const connected = await connecting.catch(() => null)
      await connected?.release()
      if (!report || !connected) return null
      return runUrl(connected.client.uri, report.experimentId, report.runId)
    },
  }
}
