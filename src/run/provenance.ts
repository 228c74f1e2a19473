/** Where a run came from: the code's commit, the machine, the versions. No secrets, no host name and no folders. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { EngineStarted } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'

const run = promisify(execFile)

export interface Commit {
  readonly commit: string
  readonly branch: string
  readonly isDirty: boolean
}

const known = new Map<string, Promise<Commit | null>>()

/** Of the code that this process began with: asked once. Null outside a git checkout, or without git. */
export function findCommit(projectRoot: string): Promise<Commit | null> {
  const finding = known.get(projectRoot) ?? askGit(projectRoot)
  known.set(projectRoot, finding)
  return finding
}

async function askGit(projectRoot: string): Promise<Commit | null> {
  const git = async (...args: string[]): Promise<string> => (await run('git', args, { cwd: projectRoot })).stdout.trim()
  try {
    const [commit, branch, status] = await Promise.all([
      git('rev-parse', 'HEAD'),
      git('rev-parse', '--abbrev-ref', 'HEAD'),
      git('status', '--porcelain'),
    ])
    return { commit, branch, isDirty: status !== '' }
  } catch {
    return null
  }
}

export function commitTags(commit: Commit | null): Record<string, string> {
  if (!commit) return {}
  return {
    'mlflow.source.git.commit': commit.commit,
    'mlflow.source.git.branch': commit.branch,
    'mlflow.source.git.dirty': String(commit.isDirty),
  }
}

/** Nothing where the system knows no name for its user. */
export function userTag(): Record<string, string> {
  try {
    return { 'mlflow.user': userInfo().username }
  } catch {
    return {}
  }
}

/** Kernels are chosen by it, and with them the last bits. */
export function kindOfCpu(): string {
  return cpus()[0]?.model ?? 'unknown'
}

/** The packages that have a say in a run's numbers. */
const decisive = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-node-gpu', 'sharp']

/** `environment.json`: what has to be equal for equal numbers, and what explains the time. */
export async function describeEnvironment(engine: EngineStarted, commit: Commit | null, projectRoot: string): Promise<string> {
  const { tensorflow, device, backend, threads, onednn, operations, accelerator } = engine
  const { version, dependencies } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as {
    readonly version: string
    readonly dependencies: Readonly<Record<string, string>>
  }
  const description = {
    runner: version,
    git: commit,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: kindOfCpu(),
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    tensorflow,
    device,
    backend,
    threads,
    onednn,
    operations,
    accelerator,
    packages: Object.fromEntries(decisive.map((name) => [name, dependencies[name] ?? 'unknown'])),
  }
  return `${JSON.stringify(description, null, 2)}\n`
}

/** Ends what `readCommit` says of a checkout that no commit holds. */
export const uncommitted = 'with changes'

/** The commit in a run's `environment.json`, and whether files had been changed since. */
export async function readCommit({ environment }: RunFolder): Promise<string> {
  const { git } = JSON.parse(await readFile(environment, 'utf8')) as { readonly git?: Commit | null }
  return git ? `${git.commit.slice(0, 12)}${git.isDirty ? ` ${uncommitted}` : ''}` : 'no commit'
}
