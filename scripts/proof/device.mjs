/** The device of RUNNER_PJRT, and programs that were lowered elsewhere on it. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { renameSync, writeFileSync } from 'node:fs'
import { dist } from './job.mjs'

const { openPjrt } = await dist('xla/pjrt.js')
const { loadProgram } = await dist('xla/device-program.js')
const { executablesIn } = await dist('xla/executables.js')
const { flagsFor } = await dist('xla/compile-options.js')

export const pjrt = JSON.parse(process.env.RUNNER_PJRT ?? 'null')

/** As the engine opens it. */
export async function openClient() {
  if (pjrt === null) throw new Error('RUNNER_PJRT says nothing of a plugin')
  return openPjrt(pjrt.addon, pjrt.plugin, /^cuda1[23]$/.test(pjrt.name) ? { preallocate: false } : {})
}

/** The program, and what the device says of its executables' memory by the name of the step. */
export async function load(client, lowered, precision, folder) {
  const folders = [{ path: folder, isWritten: true }]
  const executables = executablesIn(client, { identity: [], flags: flagsFor(precision), compilerData: pjrt.compilerData, folders })
  const memory = new Map()
  const watched = {
    async get(text) {
      const executable = await executables.get(text)
      memory.set(text, executable.memory())
      return executable
    },
  }
  const program = await loadProgram(client, lowered, watched)
  return { program, memory: Object.fromEntries(Object.entries(lowered.steps).map(([name, { text }]) => [name, memory.get(text) ?? null])) }
}

/** A folder for this process's own executables, below the unpacked runtime. */
export const ownFolder = (name) => join(pjrt.programs, '..', 'own', name)

/** The options of a script, those that all of them have among them. */
export function readOptions(own = {}) {
  const { values } = parseArgs({
    options: { pack: { type: 'string' }, labels: { type: 'string' }, json: { type: 'string' }, ...own },
  })
  return values
}

/** At once: Node's threads may all be busy with compiling. */
export function writeJson(path, value) {
  writeFileSync(`${path}.partial`, JSON.stringify(value, null, 1))
  renameSync(`${path}.partial`, path)
}

/** Errors in one line. */
export const wordsOf = (error) => (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').slice(0, 400)

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export const spreadOf = (values) => ({ median: median(values), min: Math.min(...values), max: Math.max(...values), repeats: values.length })
