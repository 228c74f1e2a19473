/** A process is known by its number and its start, because numbers are used again. */
import { readFileSync } from 'node:fs'

export interface ProcessIdentity {
  readonly pid: number
  readonly start: string
}

/** Null where no such process lives. The start is the kernel's tick where there is /proc, else empty. */
export function identify(pid: number): ProcessIdentity | null {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return null
  }
  try {
    // Field 22 of proc(5)'s stat; the second field may hold spaces and brackets.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    return fields[0] === 'Z' ? null : { pid, start: fields[19] ?? '' }
  } catch {
    return { pid, start: '' }
  }
}

export function isAlive({ pid, start }: ProcessIdentity): boolean {
  return identify(pid)?.start === start
}
