/** One set-up at a time on a checkout: a lock file that holds its owner's pid, and falls when its owner is dead. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { say } from './progress.mjs'
import { inProject } from './project.mjs'

const pollMs = 100
/** Writing a pid or breaking a lock takes microseconds; what is older than this was left by somebody who died in between. */
const abandonedMs = 10_000

/** Runs `work` while no other process of this checkout runs its own. */
export async function withLock(work) {
  mkdirSync(inProject('.setup'), { recursive: true })
  const lock = inProject('.setup/bootstrap.lock')
  let isWaiting = false
  while (!create(lock)) {
    if (isHeld(lock)) {
      const owner = ownerOf(lock)
      if (!isWaiting && owner !== undefined) {
        say(`waiting for another runner (process ${owner}) to finish its set-up …`)
        isWaiting = true
      }
      await sleep(pollMs)
    } else {
      breakLock(lock)
    }
  }
  try {
    return await work()
  } finally {
    rmSync(lock, { force: true })
  }
}

function create(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

/** Only one process at a time may break a lock, and only one that is still stale: else two could break each other's new ones. */
function breakLock(lock) {
  const guard = `${lock}.breaking`
  if (!create(guard)) {
    if (ageMs(guard) > abandonedMs) rmSync(guard, { force: true })
    return
  }
  if (!isHeld(lock)) rmSync(lock, { force: true })
  rmSync(guard, { force: true })
}

/** By somebody who lives, or who has made the file just now and not yet written into it. */
function isHeld(lock) {
  const owner = ownerOf(lock)
  return owner === undefined ? ageMs(lock) <= abandonedMs : isAlive(owner)
}

/** Undefined while the owner has created the file and not yet written into it, or is gone. */
function ownerOf(lock) {
  try {
    return Number(readFileSync(lock, 'utf8')) || undefined
  } catch {
    return undefined
  }
}

function ageMs(file) {
  try {
    return Date.now() - statSync(file).mtimeMs
  } catch {
    return 0
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
