/**
 * A real `mlflow server` on this machine: one for all runs of a store, on loopback, started by the first that needs it and stopped by the
 * last. Who uses it is written down by process, so that users that were killed do not keep it alive.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { MlflowClient } from 'mlflow-js-client'
import pLimit from 'p-limit'
import lockfile from 'proper-lockfile'
import writeFileAtomic from 'write-file-atomic'
import { identify, isAlive, type ProcessIdentity } from '../journal/process-identity.ts'

export interface EmbeddedServer {
  /** `http://127.0.0.1:port` */
  readonly uri: string
  /** Gives up this process's use; the last user stops the server. */
  release(): Promise<void>
}

export interface ServerOptions {
  /** Folder of the store: `runs/mlflow`. */
  readonly folder: string
  /** That has MLflow. */
  readonly python: string
  readonly environment: NodeJS.ProcessEnv
}

interface ServerFile extends ProcessIdentity {
  readonly port: number
}

const program = fileURLToPath(new URL('../../python/mlflow_server.py', import.meta.url))
const readyWithinMs = 90_000
/** A question to a closed port costs nothing. */
const askAgainMs = 50

/** Resolves once the store answers. Rejects with the end of the server's log where it does not start. */
export async function acquireServer(options: ServerOptions): Promise<EmbeddedServer> {
  const { folder } = options
  const own = identify(process.pid)
  if (!own) throw new Error('Internal error: this process does not exist')
  // A process may use it more than once at a time.
  const user = join(folder, 'users', [own.pid, own.start, randomUUID().slice(0, 8)].join('-'))
  await mkdir(join(folder, 'users'), { recursive: true })
  const server = await withStore(folder, async () => {
    await writeFile(user, '')
    return (await livingServer(folder)) ?? startServer(options)
  })
  const release = (): Promise<void> =>
    withStore(folder, async () => {
      await rm(user, { force: true })
      await stopUnused(folder)
    })
  try {
    await waitUntilReady(server, folder)
  } catch (error) {
    await release()
    throw error
  }
  return { uri: uriOf(server), release }
}

/** Stops a server that users left behind when they were killed. */
export async function reapServer(folder: string): Promise<void> {
  if (await knownServer(folder)) await withStore(folder, () => stopUnused(folder))
}

function uriOf({ port }: ServerFile): string {
  return `http://127.0.0.1:${port}`
}

/** The trials of a sweep would meet each other's locks, and wait. */
const oneAtATime = pLimit(1)

function withStore<T>(folder: string, work: () => Promise<T>): Promise<T> {
  return oneAtATime(() => withLock(folder, work))
}

async function withLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const release = await lockfile.lock(folder, {
    stale: 20_000,
    retries: { retries: 100, minTimeout: 50, maxTimeout: 500 },
    // After a long sleep of the machine another process may have taken over. It costs a second server at worst, never a training.
    onCompromised: () => undefined,
  })
  try {
    return await work()
  } finally {
    await release().catch(() => undefined)
  }
}

async function knownServer(folder: string): Promise<ServerFile | null> {
  try {
    return JSON.parse(await readFile(join(folder, 'server.json'), 'utf8')) as ServerFile
  } catch {
    return null
  }
}

async function livingServer(folder: string): Promise<ServerFile | null> {
  const server = await knownServer(folder)
  return server && isAlive(server) ? server : null
}

async function startServer({ folder, python, environment }: ServerOptions): Promise<ServerFile> {
  const port = await freePort()
  const log = openSync(join(folder, 'server.log'), 'w')
  const args = [
    program,
    ...['--backend-store-uri', `sqlite:///${join(folder, 'mlflow.db')}`],
    ...['--artifacts-destination', join(folder, 'artifacts')],
    ...['--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
  ]
  const child = spawn(python, args, {
    // A group of its own: Ctrl-C in the terminal is not for it.
    detached: true,
    stdio: ['ignore', log, log],
    env: serverEnvironment(environment),
  })
  closeSync(log)
  child.unref()
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  await Promise.race([failed, new Promise((resolve) => child.once('spawn', resolve))])
  const identity = identify(child.pid ?? -1)
  if (!identity) throw new Error(await explainEnd(folder))
  const server = { ...identity, port }
  await writeFileAtomic(join(folder, 'server.json'), JSON.stringify(server))
  return server
}

/** Without variables that are meant for another server or Python: they would bend this one. */
function serverEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  // Without bytecode on disk the start takes twice as long: PYTHONDONTWRITEBYTECODE goes too.
  const kept = Object.entries(environment).filter(([name]) => !/^_?MLFLOW_|^PYTHON/.test(name))
  return {
    ...Object.fromEntries(kept),
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
    MLFLOW_DISABLE_TELEMETRY: 'true',
    DO_NOT_TRACK: 'true',
    // What it says reaches the log before it ends.
    PYTHONUNBUFFERED: '1',
  }
}

/** The child lives, the store answers: /health alone does not touch the store, and another server may hold the port. */
async function waitUntilReady(server: ServerFile, folder: string): Promise<void> {
  const client = new MlflowClient({ trackingUri: uriOf(server), retries: 0, timeoutMs: 5000 })
  const until = Date.now() + readyWithinMs
  while (Date.now() < until) {
    if (!isAlive(server)) throw new Error(await explainEnd(folder))
    const isReady = await client.ping().then(
      () => true,
      () => false,
    )
    if (isReady) return
    await delay(askAgainMs)
  }
  throw new Error(`the embedded MLflow server did not answer within ${readyWithinMs / 1000} s; its log is ${join(folder, 'server.log')}`)
}

async function explainEnd(folder: string): Promise<string> {
  const log = await readFile(join(folder, 'server.log'), 'utf8').catch(() => '')
  const tail = log.trim().split('\n').slice(-4).join(' | ')
  return `the embedded MLflow server ended before it was ready: ${tail || 'it said nothing'}`
}

async function stopUnused(folder: string): Promise<void> {
  const users = await readdir(join(folder, 'users')).catch(() => [])
  let living = 0
  for (const name of users) {
    const [pid, start = ''] = name.split('-')
    if (isAlive({ pid: Number(pid), start })) living += 1
    else await rm(join(folder, 'users', name), { force: true })
  }
  if (living > 0) return
  const server = await livingServer(folder)
  if (server) await stop(server)
  await rm(join(folder, 'server.json'), { force: true })
}

async function stop(server: ServerFile): Promise<void> {
  signalTo(server, 'SIGTERM')
  const until = Date.now() + 10_000
  while (isAlive(server) && Date.now() < until) await delay(20)
  if (isAlive(server)) signalTo(server, 'SIGKILL')
}

function signalTo({ pid }: ServerFile, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
