/** Whether a process writes a journal now. One that was killed counts for as long as its lock stands: ten seconds at most. */
import { check } from 'proper-lockfile'

export function isWritten(path: string): Promise<boolean> {
  return check(path, { realpath: false, stale: 10_000 }).catch(() => false)
}
