/**
 * Runs that are killed at random moments, and resumed. Each is compared with an undisturbed one: the same weights, the same metrics in its
 * journal; and MLflow with the journal, by MLflow's own client: one run, no point missing, none twice.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Recorded } from '../src/journal/events.ts'
import { readJournal } from '../src/journal/journal.ts'
import type { RunFolder } from '../src/journal/run-folder.ts'
import { keyOf, uniform } from '../src/random/philox.ts'
import { acquireServer } from '../src/tracking/embedded-server.ts'
import { makeHome, pythonOfMlflow, type Home } from '../test/runner.ts'
import { compareWithMlflow } from './proxy.ts'
import { differencesOf } from './differences.ts'

/** Where in a run's life it is killed. */
export const phases = ['training', 'packing', 'checkpointing', 'syncing'] as const
export type Phase = (typeof phases)[number]

export interface KillCampaign {
  /** Kills in each phase. */
  readonly kills: Readonly<Record<Phase, number>>
  readonly seed: number
  readonly epochs: number
  /** Synthetic patches: how long an epoch is. */
  readonly patches: number
  readonly say: (line: string) => void
}

export interface KillResult {
  readonly survived: number
  readonly total: number
  /** Sentences; empty where nothing was lost. */
  readonly differences: readonly string[]
}

/** Parent and engine at once, as a power cut does; or one of them alone. */
const victims = ['both', 'parent', 'engine'] as const
type Victim = (typeof victims)[number]

export async function kill({ kills, seed, epochs, patches, say }: KillCampaign): Promise<KillResult> {
  const store = await mkdtemp(join(tmpdir(), 'runner-torture-'))
  const home = await makeHome()
  const server = await acquireServer({ folder: store, python: pythonOfMlflow, environment: process.env })
  const environment = { MLFLOW_TRACKING_URI: server.uri }
  const settings = ['training.epochs', epochs, 'dataset.synthetic.patches', patches]
  const set = [0, 2].flatMap((index) => ['--set', `${String(settings[index])}=${String(settings[index + 1])}`])
  const experiment = ['experiments/smoke.yaml', ...set]
  const differences: string[] = []
  let survived = 0
  let total = 0
  try {
    await home.runner(experiment, environment)
    const undisturbed = (await home.lastRun()).events
    for (const phase of phases) {
      for (let number = 1; number <= kills[phase]; number++) {
        const random = (index: number): number => uniform(keyOf(seed, phase, number), index)
        const victim = victims[Math.floor(random(0) * victims.length)] ?? 'both'
        const known = new Set((await home.runs()).map(({ id }) => id))
        await strike({ home, experiment, environment, known }, phase, victim, random(1))
        const folder = await goOn(home, experiment, environment, known)
        const found = folder
          ? [
              ...differencesOf((await readJournal(folder.journal)).events, undisturbed),
              ...(await compareWithMlflow({ server: server.uri }, folder)),
            ]
          : ['no run was finished']
        total += 1
        if (found.length === 0) survived += 1
        differences.push(...found.map((one) => `${phase} ${number}, ${victim}: ${one}`))
        say(`${phase} ${number} of ${kills[phase]}, ${victim} killed: ${found.length === 0 ? 'survived' : found.join('; ')}`)
      }
    }
    return { survived, total, differences }
  } finally {
    await server.release()
    await home.remove()
    await rm(store, { recursive: true, force: true })
  }
}

interface Started {
  readonly home: Home
  readonly experiment: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Runs that were there before. */
  readonly known: ReadonlySet<string>
}

async function newRun(home: Home, known: ReadonlySet<string>): Promise<RunFolder | undefined> {
  return (await home.runs()).find(({ id }) => !known.has(id))
}

async function eventsOf(folder: RunFolder | undefined): Promise<readonly Recorded[]> {
  return folder ? (await readJournal(folder.journal)).events : []
}

async function strike({ home, experiment, environment, known }: Started, phase: Phase, victim: Victim, random: number): Promise<void> {
  if (phase === 'packing') await rm(join(home.path, 'runs/packs'), { recursive: true, force: true })
  const child = home.start(experiment, environment)
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null
  const has = async (type: Recorded['type']): Promise<boolean> =>
    (await eventsOf(await newRun(home, known))).some((event) => event.type === type)
  const isWritingCheckpoint = async (): Promise<boolean> => {
    const folder = await newRun(home, known)
    const names = folder && existsSync(folder.checkpoints) ? await readdir(folder.checkpoints) : []
    return names.some((name) => name.endsWith('.partial')) && random < 0.3
  }
  const moments: Readonly<Record<Phase, () => Promise<boolean>>> = {
    training: () => has('epoch'),
    packing: () => Promise.resolve(existsSync(join(home.path, 'runs/packs'))),
    checkpointing: async () => (await isWritingCheckpoint()) || (random >= 0.3 && (await has('committed'))),
    syncing: () => has('trained'),
  }
  while (isAlive() && !(await moments[phase]())) await delay(2)
  await delay({ training: 4000, packing: 300, checkpointing: 60, syncing: 800 }[phase] * random)
  const engine = (await eventsOf(await newRun(home, known))).findLast((event) => event.type === 'engine-started')
  if (victim !== 'engine' || engine === undefined) child.kill('SIGKILL')
  if (victim !== 'parent' && engine !== undefined) killIfAlive(engine.pid)
  await child.catch(() => undefined)
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It had ended by itself.
  }
}

/** As a user does: resume what is there, or begin anew where nothing is; then tell MLflow. */
async function goOn(
  home: Home,
  experiment: readonly string[],
  environment: Readonly<Record<string, string>>,
  known: ReadonlySet<string>,
): Promise<RunFolder | null> {
  for (let attempt = 0; attempt < 30; attempt++) {
    const folder = await newRun(home, known)
    const isWhole = (await eventsOf(folder)).some(({ type }) => type === 'run-started')
    const { stderr } = await home.runner(folder && isWhole ? ['resume', folder.id] : experiment, environment)
    const done = await newRun(home, known)
    if (done && (await eventsOf(done)).at(-1)?.type === 'run-ended' && !stderr.includes('run-in-use')) {
      await home.runner(['sync', done.id], environment)
      return done
    }
    await delay(1000)
  }
  return null
}

export async function run(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      training: { type: 'string', default: '120' },
      packing: { type: 'string', default: '30' },
      checkpointing: { type: 'string', default: '30' },
      syncing: { type: 'string', default: '20' },
      seed: { type: 'string', default: '7' },
      epochs: { type: 'string', default: '60' },
      patches: { type: 'string', default: '96' },
    },
  })
  const kills = Object.fromEntries(phases.map((phase) => [phase, Number(values[phase])])) as Record<Phase, number>
  const numbers = { seed: Number(values.seed), epochs: Number(values.epochs), patches: Number(values.patches) }
  const { survived, total, differences } = await kill({ kills, ...numbers, say: (line) => console.log(line) })
  for (const difference of differences) console.log(`  ${difference}`)
  console.log(`${survived} of ${total} kills survived`)
  return survived === total
}
