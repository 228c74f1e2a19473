/**
 * Trainings whose way to a real MLflow server is spoilt. Each is compared with an undisturbed one: the same weights, the same metrics; and
 * after `runner sync`, MLflow with its journal, by MLflow's own client.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MlflowClient } from 'mlflow-js-client'
import type { Recorded } from '../src/journal/events.ts'
import { readJournal } from '../src/journal/journal.ts'
import type { RunFolder } from '../src/journal/run-folder.ts'
import { acquireServer } from '../src/tracking/embedded-server.ts'
import { freshMemory, syncRun } from '../src/tracking/sync-run.ts'
import { askPython, makeHome, projectRoot, pythonOfMlflow, type Home } from '../test/runner.ts'
import { startProxy, type FaultyProxy } from './proxy-server.ts'
import { differencesOf } from './differences.ts'

export interface ProxyCampaign {
  /** At least so many. */
  readonly faults: number
  readonly seed: number
  /** Share of requests that meet a fault. */
  readonly share: number
  readonly epochs: number
  /** Synthetic patches: how long an epoch is. */
  readonly patches: number
  /** So many disturbed trainings; the rest of the faults strikes replays of journals that are written already. */
  readonly trainings: number
  readonly say: (line: string) => void
}

export interface ProxyResult {
  readonly faults: number
  readonly counts: Readonly<Record<string, number>>
  readonly trainings: number
  readonly replays: number
  /** Sentences; empty where nothing was lost. */
  readonly differences: readonly string[]
  /** Seconds of each epoch but the first: undisturbed, and with faults. */
  readonly epochSeconds: { readonly calm: readonly number[]; readonly disturbed: readonly number[] }
}

/** What the client waits for an answer, in seconds: the proxy's longest delay is beyond. */
const timeoutSeconds = 2

export interface Setting {
  readonly home: Home
  /** Its address, not that of what stands before it. */
  readonly server: string
  readonly epochs: number
  readonly patches: number
}

export async function torture(campaign: ProxyCampaign): Promise<ProxyResult> {
  const store = await mkdtemp(join(tmpdir(), 'runner-torture-'))
  const home = await makeHome()
  const server = await acquireServer({ folder: store, python: pythonOfMlflow, environment: process.env })
  const proxy = await startProxy({ target: () => server.uri, seed: campaign.seed, tooLateMs: timeoutSeconds * 1000 + 500 })
  try {
    const result = await strike({ home, server: server.uri, epochs: campaign.epochs, patches: campaign.patches }, proxy, campaign)
    const leaks = [...(await filesWithSecrets(home.path)), ...(await filesWithSecrets(store))]
    return { ...result, differences: [...result.differences, ...leaks.map((file) => `${file} holds a credential`)] }
  } finally {
    await proxy.stop()
    await server.release()
    await home.remove()
    await rm(store, { recursive: true, force: true })
  }
}

async function strike(setting: Setting, proxy: FaultyProxy, { faults, share, trainings, say }: ProxyCampaign): Promise<ProxyResult> {
  const differences: string[] = []
  const calm: number[] = []
  const disturbed: number[] = []
  const check = async (what: string, run: Trained): Promise<void> => {
    const found = [...differencesOf(run.events, undisturbed.events), ...(await compareWithMlflow(setting, run.folder))]
    differences.push(...found.map((difference) => `${what}: ${difference}`))
    say(`${what}: ${proxy.total()} faults so far, ${found.length === 0 ? 'nothing lost' : found.join('; ')}`)
  }
  const undisturbed = await train(setting, setting.server)
  calm.push(...secondsOf(undisturbed.events))
  await check('undisturbed', undisturbed)

  const sync = async ({ folder }: Trained): Promise<void> => {
    const { exitCode, stderr, stdout } = await setting.home.runner(['sync', folder.id], { MLFLOW_TRACKING_URI: withSecret(proxy.uri) })
    if (exitCode !== 0) differences.push(`sync ${folder.id} ended with ${exitCode ?? 'a signal'}: ${stderr}`)
    if (hasSecret(stderr + stdout)) differences.push(`sync ${folder.id} says a credential`)
  }
  // Nobody at home from start to end.
  const alone = await train(setting, withSecret('http://127.0.0.1:9'))
  await sync(alone)
  await check('no server until sync', alone)

  let trained = 0
  let replays = 0
  const runs: Trained[] = []
  while (proxy.total() < faults) {
    if (trained < trainings) {
      proxy.spoil(share)
      const run = await train(setting, withSecret(proxy.uri))
      await proxy.calm()
      await sync(run)
      trained += 1
      runs.push(run)
      disturbed.push(...secondsOf(run.events))
      await check(`training ${trained}`, run)
      // Beside each other, so that what else the machine does meets both.
      if (trained < trainings) calm.push(...secondsOf((await train(setting, setting.server)).events))
    } else {
      replays += 1
      const run = runs[replays % runs.length] ?? undisturbed
      proxy.spoil(share)
      await replay(run.folder, proxy)
      await proxy.calm()
      await replay(run.folder, proxy)
      await check(`replay ${replays}`, run)
    }
  }
  const counts = Object.fromEntries([...proxy.counts].filter(([, count]) => count > 0))
  return { faults: proxy.total(), counts, trainings: trained, replays, differences, epochSeconds: { calm, disturbed } }
}

/** What must be found nowhere afterwards. */
const secret = 'geheim-7f3a'

function withSecret(uri: string): string {
  return uri.replace('//', `//anna:${secret}@`)
}

function hasSecret(text: string): boolean {
  return text.includes(secret) || text.includes(Buffer.from(`anna:${secret}`).toString('base64'))
}

async function filesWithSecrets(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const texts = await Promise.all(files.map((file) => readFile(file, 'latin1')))
  return files.filter((_, index) => hasSecret(texts[index] ?? ''))
}

export interface Trained {
  readonly folder: RunFolder
  readonly events: readonly Recorded[]
}

/** By the command itself, in a process of its own. */
export async function train({ home, epochs, patches }: Setting, uri: string): Promise<Trained> {
  const length = ['--set', `training.epochs=${epochs}`, '--set', `dataset.synthetic.patches=${patches}`]
  const { exitCode, stderr } = await home.runner(['experiments/smoke.yaml', '--quiet', ...length], {
    MLFLOW_TRACKING_URI: uri,
    MLFLOW_HTTP_REQUEST_TIMEOUT: String(timeoutSeconds),
  })
  if (hasSecret(stderr)) throw new Error(`the training says a credential: ${stderr}`)
  if (exitCode !== 0) throw new Error(`the training ended with ${exitCode ?? 'a signal'}: ${stderr}`)
  return home.lastRun()
}

/** Tells a finished journal as if MLflow had been told nothing, while requests fail; what fails may fail. */
async function replay(folder: RunFolder, { uri }: FaultyProxy): Promise<void> {
  const { events } = await readJournal(folder.journal)
  const client = new MlflowClient({ trackingUri: uri, timeoutMs: timeoutSeconds * 1000 })
  const memory = freshMemory()
  // Without its end it is never taken for told.
  for (const share of [0.3, 0.6, 0.9])
    await syncRun(folder, events.slice(0, events.length * share), client, { memory }).catch(() => undefined)
  await syncRun(folder, events, client, { memory }).catch(() => undefined)
}

export async function compareWithMlflow({ server }: Pick<Setting, 'server'>, ...folders: readonly RunFolder[]): Promise<readonly string[]> {
  const paths = folders.map(({ path }) => path)
  return (await askPython(join(projectRoot, 'torture/compare.py'), [server, ...paths])) as readonly string[]
}

function secondsOf(events: readonly Recorded[]): number[] {
  return events.flatMap((event) => (event.type === 'epoch' && event.epoch > 1 ? [event.seconds] : []))
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}

export async function run(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      faults: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '7' },
      share: { type: 'string', default: '0.5' },
      epochs: { type: 'string', default: '12' },
      patches: { type: 'string', default: '960' },
      trainings: { type: 'string', default: '12' },
    },
  })
  const number = (name: keyof typeof values): number => Number(values[name])
  const result = await torture({
    faults: number('faults'),
    seed: number('seed'),
    share: number('share'),
    epochs: number('epochs'),
    patches: number('patches'),
    trainings: number('trainings'),
    say: (line) => console.log(line),
  })
  const { calm, disturbed } = result.epochSeconds
  const slower = median(disturbed) / median(calm) - 1
  console.log(
    `faults: ${Object.entries(result.counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
  )
  console.log(
    `an epoch, median: undisturbed ${median(calm).toFixed(4)} s of ${calm.length}, with faults ${median(disturbed).toFixed(4)} s of ${disturbed.length}: ${(slower * 100).toFixed(1)} %`,
  )
  console.log(
    `${result.faults} faults in ${result.trainings} trainings and ${result.replays} replays: ${result.differences.length} differences`,
  )
  for (const difference of result.differences) console.log(`  ${difference}`)
  return result.differences.length === 0
}
