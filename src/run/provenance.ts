/** Where a run came from: the code's commit, the machine, the versions. No secrets and no folders. */
import { execFile } from 'node:child_process'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { promisify } from 'node:util'
import type { EngineStarted } from '../journal/events.ts'

const run = promisify(execFile)

export interface Commit {
  readonly commit: string
  readonly branch: string
  readonly isDirty: boolean
}

/** Null outside a git checkout, or without git. */
export async function findCommit(projectRoot: string): Promise<Commit | null> {
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

export function describeEnvironment(engine: EngineStarted, commit: Commit | null): string {
  const { tensorflow, device, backend, threads, onednn } = engine
  const description = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    tensorflow,
    device,
    backend,
    threads,
    onednn,
    git: commit,
  }
  return `${JSON.stringify(description, null, 2)}\n`
}
