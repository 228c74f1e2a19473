/** The real command in a child process, with a home of its own for runs/ and datasets/. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { Recorded } from '../src/journal/events.ts'
import { readJournal } from '../src/journal/journal.ts'
import { listRuns, type RunFolder } from '../src/journal/run-folder.ts'

export const projectRoot = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
export const pythonOfMlflow = join(projectRoot, '.venv/bin/python3')

export interface Ran {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
}

export interface Home {
  readonly path: string
  /** Runs `runner` in the project's folder. Standard input is closed. */
  runner(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Ran>
  start(args: readonly string[], environment?: Readonly<Record<string, string>>): ReturnType<typeof spawn>
  runs(): Promise<readonly RunFolder[]>
  /** The only run, or the last. */
  lastRun(): Promise<{ folder: RunFolder; events: readonly Recorded[] }>
  remove(): Promise<void>
}

function spawn(home: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
  return execa('node', ['bootstrap/main.mjs', ...args], {
    cwd: projectRoot,
    env: { MLFLOW_TRACKING_URI: '', ...environment, RUNNER_HOME: home, NO_COLOR: '1' },
    reject: false,
    stdin: 'ignore',
    timeout: 600_000,
  })
}

export async function makeHome(parent = tmpdir()): Promise<Home> {
  const path = await mkdtemp(join(parent, 'runner-home-'))
  const runs = (): Promise<readonly RunFolder[]> => listRuns(join(path, 'runs'))
  return {
    path,
    runs,
    async runner(args, environment = {}) {
      const { exitCode, stdout, stderr } = await spawn(path, args, environment)
      return { exitCode, stdout, stderr }
    },
    start: (args, environment = {}) => spawn(path, args, environment),
    async lastRun() {
      const folder = (await runs()).at(-1)
      if (!folder) throw new Error(`no run under ${path}: ${(await readdir(path)).join(', ')}`)
      return { folder, events: (await readJournal(folder.journal)).events }
    },
    remove: () => rm(path, { recursive: true, force: true }),
  }
}

/** Runs a script with the Python that has MLflow, and reads its JSON. */
export async function askPython(script: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await execa(pythonOfMlflow, [script, ...args], { timeout: 600_000, env: { MLFLOW_DISABLE_TELEMETRY: 'true' } })
  return JSON.parse(stdout.split('\n').at(-1) ?? '') as unknown
}

export async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8')) as unknown
}

/** Everything but MLflow: what most tests of a training need. */
export const untracked = ['--set', 'tracking.enabled=false'] as const
