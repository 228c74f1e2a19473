/** The way to MLflow for one run: a server that the environment names, or the embedded one, made ready beside the training. */
import { setTimeout as delay } from 'node:timers/promises'
import { MlflowClient, connectionFromEnvironment, redactUri } from 'mlflow-js-client'
import { Fault } from '../diagnostics/diagnostic.ts'
import { sentenceOf } from '../diagnostics/frame.ts'
import type { Tracking } from '../experiment/experiment.ts'
import type { Journal } from '../journal/journal.ts'
import { mlflowFolder } from '../journal/run-folder.ts'
import { ensureMlflow } from '../setup/mlflow.ts'
import { acquireServer } from '../tracking/embedded-server.ts'
import { startTracker, type Tracker } from '../tracking/tracker.ts'
import { runUrl } from '../tracking/urls.ts'
import type { BegunRun } from './begin.ts'
import { settleKilled } from './killed.ts'
import type { Listener, TrackingSummary } from './story.ts'
import { runsOf, type Workspace } from './workspace.ts'

export interface Connected {
  readonly client: MlflowClient
  /** Stops the embedded server where nobody else uses it. */
  readonly release: () => Promise<void>
}

type Installation = ReturnType<typeof ensureMlflow>

/** Rejects where no server answers as MLflow does. */
export async function connect(
  workspace: Workspace,
  listen: Listener,
  installing: Installation = installMlflow(workspace, listen),
): Promise<Connected> {
  const connected = await open(workspace, installing)
  if (isServerNamed(workspace)) await connected.client.ping()
  return connected
}

/** A server that the environment names is not asked whether it is there; the embedded one is, once this resolves. */
async function open(workspace: Workspace, installing: Installation): Promise<Connected> {
  const named = connectionFromEnvironment(workspace.environment)
  if (named) return { client: new MlflowClient(named), release: () => Promise.resolve() }
  if (isServerNamed(workspace))
    throw new Error(
      `MLFLOW_TRACKING_URI is ${redactUri(workspace.environment['MLFLOW_TRACKING_URI'] ?? '')}, and runner speaks to http:// and https:// servers only; unset it for the embedded one`,
    )
  const mlflow = await installing
  if (!mlflow.value) throw new Fault(mlflow.diagnostics, 3)
  const server = await acquireServer({
    folder: mlflowFolder(runsOf(workspace)),
    python: mlflow.value.python,
    environment: workspace.environment,
  })
  return { client: new MlflowClient({ trackingUri: server.uri }), release: () => server.release() }
}

/** The same, for a command that can do nothing without it. Rejects with `Fault`. */
export async function requireConnection(workspace: Workspace, listen: Listener): Promise<Connected> {
  return connect(workspace, listen).catch((error: unknown) => {
    throw trackingFault(error)
  })
}

export function trackingFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  return new Fault([{ code: 'tracking-unavailable', severity: 'error', message: messageOf(error) }], 3)
}

export function messageOf(error: unknown): string {
  if (error instanceof Fault) return error.diagnostics.map(sentenceOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}

/** Says nothing and does nothing where the environment names a server. */
function installMlflow(workspace: Workspace, listen: Listener): Installation {
  if (isServerNamed(workspace)) return Promise.resolve({ diagnostics: [] })
  const { projectRoot, environment } = workspace
  return ensureMlflow({ projectRoot, environment, report: (progress) => listen({ type: 'setup', progress }) })
}

export function isServerNamed({ environment }: Workspace): boolean {
  return (environment['MLFLOW_TRACKING_URI'] ?? '') !== ''
}

/** A run that this process writes, or follows. */
export interface TrackedRun extends Pick<BegunRun, 'folder'> {
  readonly journal: Pick<Journal, 'events' | 'append'>
}

export interface RunTracking {
  /** Resolves at once unless tracking is required; then when a server answers. Throws `Fault` where none does. */
  ready(): Promise<void>
  /** From here on everything in the journal is told. */
  begin(run: TrackedRun): void
  wake(): void
  /** Resolves once MLflow has heard of the run, or the first attempt failed. */
  introduced(): Promise<void>
  /** Sends what is left, within bounds, and lets go of the server. In a hurry it gives up soon: the journal has everything. */
  finish(isHurried: boolean): Promise<TrackingSummary>
}

/** How long the end of a run waits, in milliseconds: for a server that is still being installed or started, for one that has a name, and for the rest to be sent. */
const patience = { embedded: 300_000, named: 15_000, sending: 30_000, hurried: 5_000 } as const

/** Whoever has the journal tells MLflow, or nobody does. */
export const untracked: RunTracking = {
  ready: () => Promise.resolve(),
  begin: () => undefined,
  wake: () => undefined,
  introduced: () => Promise.resolve(),
  finish: () => Promise.resolve({ isComplete: true, url: null }),
}

/**
 * Installs MLflow at once where that is needed, beside everything else; the server is asked for when there is something to tell, and not before
 * `after` has resolved.
 */
export function prepareTracking(
  tracking: Tracking,
  workspace: Workspace,
  listen: Listener,
  after: Promise<void> = Promise.resolve(),
): RunTracking {
  if (!tracking.enabled) return untracked
  const installing = installMlflow(workspace, listen)
  let connecting: Promise<Connected> | null = null
  let tracker: Tracker | null = null
  // Whoever needs it is told; a fault before that is nobody's.
  installing.catch(() => undefined)

  /** Whatever there is at first; after a failure the embedded server anew, which may have been killed. */
  const reconnect = async (): Promise<MlflowClient> => {
    connecting = connecting ? connecting.then(renew) : after.then(() => open(workspace, installing))
    return connecting.then(
      ({ client }) => client,
      (error: unknown) => Promise.reject(new Error(messageOf(error))),
    )
  }
  const renew = async (old: Connected): Promise<Connected> => {
    const renewed = isServerNamed(workspace) ? null : await open(workspace, installing).catch(() => null)
    if (renewed) await old.release().catch(() => undefined)
    return renewed ?? old
  }

  return {
    async ready() {
      if (!tracking.required) return
      connecting = connect(workspace, listen, installing)
      await connecting.catch((error: unknown) => Promise.reject(requiredFault(error)))
    },
    begin({ folder, journal }) {
      const onWarning = (message: string): void => {
        listen({ type: 'tracking-failed', message })
        // A journal that cannot be written ends the training by itself.
        journal.append({ type: 'warning', code: 'tracking-unavailable', message }).catch(() => undefined)
      }
      tracker = startTracker({ folder, events: () => journal.events, connect: reconnect, onWarning })
      // Runs that were killed are not this one's business: what fails is left to `runner list` and `sync`.
      connecting?.then(({ client }) => settleKilled(workspace, client)).catch(() => undefined)
    },
    wake: () => tracker?.wake(),
    introduced: () => tracker?.introduced ?? Promise.resolve(),
    async finish(isHurried) {
      if (!connecting) return { isComplete: false, url: null }
      listen({ type: 'finishing', what: 'telling MLflow the rest' })
      const isNamed = isServerNamed(workspace)
      const connected = await within(connecting, isHurried ? patience.hurried : isNamed ? patience.named : patience.embedded)
      const report = connected && tracker ? await tracker.close(isHurried ? patience.hurried : patience.sending) : null
      await connected?.release()
      const url = report && connected && isNamed ? runUrl(connected.client.uri, report.experimentId, report.runId) : null
      return { isComplete: report !== null, url }
    },
  }
}

/** Null where the work fails or takes longer. */
async function within<T>(work: Promise<T>, limitMs: number): Promise<T | null> {
  const timeout = new AbortController()
  const late = delay(limitMs, null, { signal: timeout.signal }).catch(() => null)
  const result = await Promise.race([work.catch(() => null), late])
  timeout.abort()
  return result
}

function requiredFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  return new Fault([{ code: 'tracking-unavailable', severity: 'error', message: `tracking is required, and ${messageOf(error)}` }], 3)
}
