/** Slurm's own commands, as argument lists without a shell, and their answers. What it calls a state is left in its words. */
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'

export interface SlurmTask {
  /** The array's id and the task's number in it. */
  readonly job: string
  readonly index: number
  /** `PENDING`, `RUNNING`, `COMPLETED`, … */
  readonly state: string
  /** Why it waits, or how it ended: `Resources`, `NonZeroExitCode`. */
  readonly reason: string
}

export interface Submission {
  /** No other job has this name: by it the job is found again when the answer was lost. */
  readonly name: string
  readonly options: readonly string[]
  readonly script: string
  readonly arguments: readonly string[]
}

/** What Slurm said, in its last words. */
export class SlurmError extends Error {
  override readonly name = 'SlurmError'
}

export interface Slurm {
  /** The job's id. */
  submit(submission: Submission): Promise<string>
  /** Of jobs that it still knows; a task that was cancelled while it waited is not among them. */
  tasks(jobs: readonly string[]): Promise<readonly SlurmTask[]>
  /** Of the job with that name; null where there is none. */
  find(name: string): Promise<string | null>
  /** The most tasks of one array. */
  largestArray(): Promise<number>
  requeue(job: string, index: number): Promise<void>
}

const timeoutMs = 60_000
const attempts = 5
const pauseMs = 2_000
/** slurm.conf's own, where it cannot be asked. */
const usualArray = 1001

/** A state that nothing follows; all others, unknown ones too, may still become something. */
export function hasEnded({ state }: SlurmTask): boolean {
  return /^(COMPLETED|FAILED|TIMEOUT|OUT_OF_MEMORY|NODE_FAIL|BOOT_FAIL|DEADLINE|CANCELLED)/.test(state)
}

export function openSlurm(environment: NodeJS.ProcessEnv): Slurm {
  const env = slurmEnvironment(environment)
  const ask = async (program: string, args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await execa(program, args, {
      ...{ env, extendEnv: false, stdin: 'ignore', reject: false, timeout: timeoutMs },
    })
    if (exitCode === 0) return stdout
    throw new SlurmError(`${program}: ${lastLine(stderr) || `no answer within ${timeoutMs / 1000} s`}`)
  }
  const find = async (name: string): Promise<string | null> => {
    const ids = await ask('squeue', ['--noheader', '--states=all', `--name=${name}`, '--format=%F'])
    return ids.split('\n').find((line) => line !== '') ?? null
  }
  return {
    find,
    async submit({ name, options, script, arguments: words }) {
      for (let attempt = 1; ; attempt++) {
        try {
          const answer = await ask('sbatch', ['--parsable', `--job-name=${name}`, ...options, script, ...words])
          // With several clusters the name of one follows.
          return answer.trim().split(';')[0] ?? ''
        } catch (error) {
          // It may have been submitted: only its name can tell.
          const isLost = error instanceof SlurmError && /timed out|no answer/i.test(error.message)
          if (!isLost) throw error
          await delay(pauseMs)
          const found = await find(name)
          if (found !== null) return found
          if (attempt === attempts) throw error
        }
      }
    },
    async tasks(jobs) {
      if (jobs.length === 0) return []
      const args = ['--noheader', '--array', '--states=all', `--jobs=${jobs.join(',')}`, '--format=%F|%K|%T|%r']
      const answer = await ask('squeue', args).catch((error: unknown) => {
        // Of one job alone, that it is known no more.
        if (error instanceof SlurmError && /invalid job id/i.test(error.message)) return ''
        throw error
      })
      return answer.split('\n').flatMap((line): SlurmTask[] => {
        const [job = '', index = '', state = '', reason = ''] = line.split('|')
        return /^\d+$/.test(index) ? [{ job, index: Number(index), state, reason }] : []
      })
    },
    async largestArray() {
      const config = await ask('scontrol', ['show', 'config']).catch(() => '')
      return Number(/^MaxArraySize\s*=\s*(\d+)/m.exec(config)?.[1] ?? usualArray)
    },
    async requeue(job, index) {
      await ask('scontrol', ['requeue', `${job}_${index}`])
    },
  }
}

/** Without what a job has that this one is started from, which would bend the new one; where the cluster is stays. */
function slurmEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => name === 'SLURM_CONF' || !/^SLURM_/.test(name)))
}

function lastLine(text: string): string {
  return (text.trim().split('\n').at(-1) ?? '').replace(/^\w+: error: /, '')
}
