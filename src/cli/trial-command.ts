/** `runner trial JOB TASK`: what a task of a sweep's array job executes. Slurm's signals end it as Ctrl-C ends a training. */
import type { Workspace } from '../run/workspace.ts'
import { runTrial } from '../sweep/run-trial.ts'
import { openSlurm } from '../sweep/slurm.ts'
import { showRun } from './show-run.ts'
import type { Terminal } from './terminal.ts'

/** Resolves with the exit code. */
export async function runTask(job: string, task: string, workspace: Workspace, terminal: Terminal): Promise<number> {
  const { environment, cwd } = workspace
  const ended = new AbortController()
  let isWarned = false
  const end = (signal: NodeJS.Signals): void => {
    if (!ended.signal.aborted) isWarned = signal === 'SIGUSR2'
    ended.abort(new Error(`Slurm sent ${signal}`))
  }
  // They may come more than once; what is committed is safe whatever follows.
  for (const signal of ['SIGUSR2', 'SIGTERM', 'SIGINT'] as const) process.on(signal, end)
  const standing = await runTrial({
    job,
    index: Number(task),
    // The last task of an array has the array's id as its own job's: only this one is right for all.
    jobId: environment['SLURM_ARRAY_JOB_ID'] ?? '',
    restart: Number(environment['SLURM_RESTART_COUNT'] ?? 0),
    workspace,
    listen: showRun({ terminal, cwd }),
    signal: ended.signal,
    isWarned: () => isWarned,
    slurm: openSlurm(environment),
  })
  if (standing.reason !== null) terminal.say(standing.reason)
  return { reused: 0, finished: 0, pruned: 0, failed: 4, interrupted: 143 }[standing.state]
}
