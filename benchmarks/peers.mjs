/**
 * Keras, PyTorch and stock tfjs doing the same work, where they are: scripts in $RUNNER_PEERS (else ../shared/peers), and a Python in
 * $RUNNER_PEERS_PYTHON with its requirements.txt installed.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { cpuEnvironment, projectRoot } from './training.mjs'

const run = promisify(execFile)
const folder = process.env.RUNNER_PEERS ?? resolve(projectRoot, '../shared/peers')
const python = process.env.RUNNER_PEERS_PYTHON
export const peerFile = (name) => join(folder, name)

/** Why Python's peers cannot run here, or null. */
export function pythonMissing() {
  if (!existsSync(folder)) return `no peers in ${folder} (RUNNER_PEERS names another folder)`
  return python === undefined ? 'RUNNER_PEERS_PYTHON names no Python with the peers’ requirements' : null
}

/** The last line of JSON that a peer's script prints. */
export async function python3(script, ...args) {
  const { stdout } = await run(python, [script, ...args.map(String)], {
    maxBuffer: 1e8,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
  })
  return lastJson(stdout)
}

/** Stock tfjs, from the folder whose node_modules hold our own working tfjs-node-gpu. */
export async function stockTfjs(...args) {
  const compat = join(projectRoot, 'dist/setup/node-compat.js')
  const { stdout } = await run(process.execPath, ['--import', compat, peerFile('step_tfjs.cjs'), ...args.map(String)], {
    cwd: projectRoot,
    env: await cpuEnvironment(),
    maxBuffer: 1e8,
  })
  return lastJson(stdout)
}

function lastJson(stdout) {
  const line = stdout
    .trim()
    .split('\n')
    .findLast((candidate) => candidate.startsWith('{'))
  if (line === undefined) throw new Error(`a peer printed no JSON: ${stdout.slice(-500)}`)
  return JSON.parse(line)
}
