/**
 * Sweeps that are killed at random moments, and run again by the same command until nothing is missing. Each is compared with an undisturbed one:
 * of every point the same weights and metrics, none twice; MLflow with the journals, by MLflow's own client; and no process is left.
 */
import { readdir, readFile, rm, writeFile, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { MlflowClient } from 'mlflow-js-client'
import type { Recorded } from '../src/journal/events.ts'
import { readJournal } from '../src/journal/journal.ts'
import { listSweeps, runsInside, type RunFolder } from '../src/journal/run-folder.ts'
import { foldRun } from '../src/journal/run-state.ts'
import { keyOf, uniform } from '../src/random/philox.ts'
import { acquireServer } from '../src/tracking/embedded-server.ts'
import { makeHome, projectRoot, pythonOfMlflow, type Home } from '../test/runner.ts'
import { differencesOf } from './differences.ts'
import { compareWithMlflow } from './proxy.ts'

export interface SweepCampaign {
  readonly kills: number
  readonly seed: number
  readonly epochs: number
  readonly say: (line: string) => void
}

export interface SweepResult {
  readonly kills: number
  readonly sweeps: number
  /** Sentences; empty where nothing was lost. */
  readonly differences: readonly string[]
}

/** The sweep's own process, the engine of one trial, or everything at once, as a power cut does. */
const victims = ['sweep', 'engine', 'all'] as const
type Victim = (typeof victims)[number]

/** At most, of one sweep. */
const strikes = 4
const points = 6

export async function killSweeps({ kills, seed, epochs, say }: SweepCampaign): Promise<SweepResult> {
  const store = await mkdtemp(join(tmpdir(), 'runner-torture-'))
  const home = await makeHome()
  const server = await acquireServer({ folder: store, python: pythonOfMlflow, environment: process.env })
  const environment = { MLFLOW_TRACKING_URI: server.uri }
  const file = join(home.path, 'sweep.yaml')
  await writeFile(
    file,
    `extends: ${relative(home.path, join(projectRoot, 'experiments/smoke.yaml'))}
name: tortured
training: { epochs: ${epochs} }
sweep: { variants: { slow: {}, fast: { optimizer: { adagrad: { learningRate: 0.05 } } } }, repeats: ${points / 2}, parallel: 2 }
`,
  )
  const differences: string[] = []
  let done = 0
  let sweeps = 0
  try {
    // Whatever a first command has to set up is not a part of the sweep's time.
    await home.runner(['check', file], environment)
    await home.runner([file], environment)
    const undisturbed = await storyOf(home)
    // What else the machine did must not make the moments later than the sweeps' ends: the first one is not timed, and a strike that met nothing is no kill.
    const started = performance.now()
    await home.runner([file, '--fresh'], environment)
    const wholeMs = performance.now() - started
    say(`undisturbed: ${points} trials in ${(wholeMs / 1000).toFixed(1)} s`)
    while (done < kills) {
      sweeps += 1
      const random = (index: number): number => uniform(keyOf(seed, 'sweep', String(sweeps)), index)
      const victimsOf = Array.from({ length: Math.min(kills - done, 1 + Math.floor(random(0) * strikes)) }, (_, strike): Victim => {
        return victims[Math.floor(random(2 * strike + 1) * victims.length)] ?? 'all'
      })
      const killed: Victim[] = []
      for (const [strike, victim] of victimsOf.entries()) {
        const command = { home, args: strike === 0 ? [file, '--fresh'] : [file], environment }
        if (await strikeOnce(command, victim, random(2 * strike + 2) * wholeMs)) killed.push(victim)
      }
      done += killed.length
      const story = `sweep ${sweeps}, killed ${killed.join(', ') || 'nothing'}`
      const last = await home.runner([file], environment)
      const found = [
        ...(last.exitCode === 0 ? [] : [`the same command ended with ${last.exitCode ?? 'a signal'}: ${last.stderr.slice(-500)}`]),
        ...differencesOfSweeps(await storyOf(home), undisturbed),
        ...(await differencesOfMlflow(home, server.uri)),
        ...(await leftProcesses(home)),
      ]
      differences.push(...found.map((one) => `${story}: ${one}`))
      say(`${done} of ${kills} kills; ${story}: ${found.length === 0 ? 'survived' : found.join('; ')}`)
    }
    return { kills: done, sweeps, differences }
  } finally {
    await server.release()
    await home.remove()
    await rm(store, { recursive: true, force: true })
  }
}

interface Command {
  readonly home: Home
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

/** Whether it met what it was to kill: the command had not ended, and where an engine is the victim there was one. */
async function strikeOnce({ home, args, environment }: Command, victim: Victim, afterMs: number): Promise<boolean> {
  const child = home.start(args, environment)
  const hasEnded = child.then(
    () => true,
    () => true,
  )
  if (await Promise.race([hasEnded, delay(afterMs, false)])) return false
  const engines = (await processesOf(home)).filter(({ command }) => command.includes('engine/child'))
  const isCommandKilled = victim !== 'engine' && child.kill('SIGKILL')
  const killed = (victim === 'all' ? engines : victim === 'engine' ? engines.slice(0, 1) : []).map(({ pid }) => killIfAlive(pid))
  await hasEnded
  return isCommandKilled || (victim === 'engine' && killed.includes(true))
}

function killIfAlive(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    // It had ended by itself.
    return false
  }
}

interface Story {
  readonly folder: RunFolder
  /** By the point's name: a second run of one point would be a second entry. */
  readonly trials: readonly (readonly [string, readonly Recorded[]])[]
  /** Of metrics.json: the numbers of the variants. */
  readonly variants: unknown
}

async function newestSweep(home: Home): Promise<RunFolder> {
  const newest = (await listSweeps(join(home.path, 'runs'))).at(-1)
  if (!newest) throw new Error('there is no sweep')
  return newest
}

async function storyOf(home: Home): Promise<Story> {
  const folder = await newestSweep(home)
  const trials = (await runsInside(folder.path)).map(async ({ journal }) => {
    const { events } = await readJournal(journal)
    return [foldRun(events).started?.name ?? '', events] as const
  })
  const { variants } = JSON.parse(await readFile(folder.metrics, 'utf8')) as { variants: unknown }
  return { folder, trials: (await Promise.all(trials)).filter(([name]) => name !== ''), variants }
}

function differencesOfSweeps(own: Story, undisturbed: Story): string[] {
  const [names, others] = [own, undisturbed].map(({ trials }) => trials.map(([name]) => name).sort())
  const other = new Map(undisturbed.trials)
  return [
    ...(JSON.stringify(names) === JSON.stringify(others) ? [] : [`other trials than undisturbed: ${names?.join(', ') ?? ''}`]),
    ...(JSON.stringify(own.variants) === JSON.stringify(undisturbed.variants) ? [] : ['other numbers of the variants than undisturbed']),
    ...own.trials.flatMap(([name, events]) => differencesOf(events, other.get(name) ?? []).map((one) => `${name}: ${one}`)),
  ]
}

async function differencesOfMlflow(home: Home, uri: string): Promise<string[]> {
  const { folder, trials } = await storyOf(home)
  const client = new MlflowClient({ trackingUri: uri })
  const experiment = await client.getExperimentByName('smoke')
  const filter = `tags.\`runner.sweep\` = '${folder.id}'`
  const told = await client.searchRuns({ experimentIds: [experiment?.experiment_id ?? ''], filter })
  const counted = told.length === points ? [] : [`MLflow has ${told.length} trials of ${points}`]
  const each = await compareWithMlflow({ server: uri }, folder, ...(await runsInside(folder.path)))
  return trials.length === points ? [...counted, ...each] : counted
}

async function processesOf(home: Home): Promise<{ readonly pid: number; readonly command: string }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const own = await Promise.all(
    pids.map(async (pid) => {
      const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
      const [environment, command] = await Promise.all([read('environ'), read('cmdline')])
      return environment.split('\0').includes(`RUNNER_HOME=${home.path}`)
        ? [{ pid: Number(pid), command: command.replaceAll('\0', ' ') }]
        : []
    }),
  )
  return own.flat()
}

/** Engines end when their parent is gone; a moment is granted. */
async function leftProcesses(home: Home): Promise<string[]> {
  const until = Date.now() + 10_000
  for (;;) {
    const left = await processesOf(home)
    if (left.length === 0) return []
    if (Date.now() > until) return left.map(({ pid, command }) => `process ${pid} is left: ${command}`)
    await delay(200)
  }
}

export async function run(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: 'string', default: '50' },
      seed: { type: 'string', default: '7' },
      epochs: { type: 'string', default: '30' },
    },
  })
  const numbers = { kills: Number(values.kills), seed: Number(values.seed), epochs: Number(values.epochs) }
  const { kills, sweeps, differences } = await killSweeps({ ...numbers, say: (line) => console.log(line) })
  for (const difference of differences) console.log(`  ${difference}`)
  console.log(`${kills} kills of ${sweeps} sweeps: ${differences.length} differences`)
  return differences.length === 0
}
