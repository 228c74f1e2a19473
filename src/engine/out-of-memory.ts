/** Who sent SIGKILL: the kernel counts those that it killed for want of memory. */
import { readFileSync } from 'node:fs'

/** Processes that this machine's kernel has killed so far, in control groups too; null where it does not say (proc(5), vmstat's oom_kill). */
export function countMemoryKills(): number | null {
  try {
    const [, count] = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8')) ?? []
    return count === undefined ? null : Number(count)
  } catch {
    return null
  }
}
