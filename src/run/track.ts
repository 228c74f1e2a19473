/** The way to MLflow for one run: a server that the environment names, or the embedded one, made ready beside the training. */
import { MlflowClient, connectionFromEnvironment, redactUri } from 'mlflow-js-client'
import { Fault } from '../diagnostics/diagnostic.ts'
import type { Tracking } from '../experiment/experiment.ts'
import type { Journal } from '../journal/journal.ts'
import { mlflowFolder, type RunFolder } from '../journal/run-folder.ts'
import { ensureMlflow } from '../setup/mlflow.ts'
import { acquireServer, type EmbeddedServer } from '../tracking/embedded-server.ts'
import { startTracker, type Tracker } from '../tracking/tracker.ts'
import { runUrl } from '../tracking/urls.ts'
import type { Listener, TrackingSummary } from './story.ts'
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
  if (isServerNamed(workspace))
    throw new Error(
      `MLFLOW_TRACKING_URI is ${redactUri(workspace.environment['MLFLOW_TRACKING_URI'] ?? '')}, and runner speaks to http:// and https:// servers only; unset it for the embedded one`,
    )
  const server = await startEmbedded(workspace, listen)
  return { client: new MlflowClient({ trackingUri: server.uri }), release: () => server.release() }
}

async function startEmbedded(workspace: Workspace, listen: Listener): Promise<EmbeddedServer> {
  const mlflow = await installMlflow(workspace, listen)
  if (!mlflow.value) throw new Fault(mlflow.diagnostics, 3)
  return acquireServer({
    folder: mlflowFolder(runsOf(workspace)),
    executable: mlflow.value.executable,
    environment: workspace.environment,
  })
}

function installMlflow({ projectRoot, environment }: Workspace, listen: Listener): ReturnType<typeof ensureMlflow> {
  return ensureMlflow({ projectRoot, environment, report: (progress) => listen({ type: 'setup', progress }) })
}

function isServerNamed({ environment }: Workspace): boolean {
  return (environment['MLFLOW_TRACKING_URI'] ?? '') !== ''
}

export interface RunTracking {
  /** From here on everything in the journal is told. Throws `Fault` where tracking is required and no server answers. */
  begin(folder: RunFolder, journal: Journal): Promise<void>
  wake(): void
  /** Sends what is left, and stops the embedded server if nobody else uses it. */
  finish(): Promise<TrackingSummary>
}

/** Long enough for a server that is only just starting, short enough to end with. */
const patienceMs = 60_000

const untracked: RunTracking = {
  begin: () => Promise.resolve(),
  wake: () => undefined,
  finish: () => Promise.resolve({ isComplete: true, url: null }),
}

/** Installs MLflow at once where that is needed, beside everything else; the server is asked for when there is something to tell. */
export function prepareTracking(tracking: Tracking, workspace: Workspace, listen: Listener): RunTracking {
  if (!tracking.enabled) return untracked
  if (!isServerNamed(workspace)) void installMlflow(workspace, listen)
  let connecting: Promise<Connected> | null = null
  let tracker: Tracker | null = null
  return {
    async begin(folder, journal) {
      connecting = connect(workspace, listen)
      const client = connecting.then((connected) => connected.client)
      if (tracking.required) await client.catch((error: unknown) => Promise.reject(requiredFault(error)))
      const onWarning = (message: string): void => listen({ type: 'tracking', isWarning: true, message })
      tracker = startTracker({ folder, events: () => journal.events, client, onWarning })
    },
    wake: () => tracker?.wake(),
    async finish() {
      const report = (await tracker?.close(patienceMs)) ?? null
      const connected = await connecting?.catch(() => null)
      await connected?.release()
      const url = report && connected && isServerNamed(workspace) ? runUrl(connected.client.uri, report.experimentId, report.runId) : null
      return { isComplete: report !== null, url }
    },
  }
}

function requiredFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  const message = `tracking is required, and ${error instanceof Error ? error.message : String(error)}`
  return new Fault([{ code: 'tracking-unavailable', severity: 'error', message }], 3)
}
