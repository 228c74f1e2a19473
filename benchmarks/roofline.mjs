/** How much of what this machine can do does a step reach, and where does the rest go? */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { table } from './figures.mjs'
import { nativeLibrary } from './native-library.mjs'
import { python3, pythonMissing } from './peers.mjs'
import { cpuEnvironment, projectRoot } from './training.mjs'

const exec = promisify(execFile)
export const title = 'Roofline'
const here = (name) => fileURLToPath(new URL(name, import.meta.url))

export async function run({ report }) {
  const missing = pythonMissing()
  if (missing !== null) return `Skipped, since TensorFlow's own tracing is asked for through Python: ${missing}.`
  const folder = await mkdtemp(join(tmpdir(), 'runner-bench-graph-'))
  try {
    const library = await nativeLibrary(folder)
    const sections = []
    for (const batch of [32, 512]) sections.push(await measure(batch, { folder, library, report }))
    return sections.join('\n\n')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(batch, { folder, library, report }) {
  const args = [here('write-graph.mjs'), 'experiments/baseline.yaml', String(batch), folder]
  const { stdout } = await exec(process.execPath, args, { cwd: projectRoot, env: await cpuEnvironment() })
  const { call, gigaflops, gigabytes, multiplyAdds } = JSON.parse(stdout.trim().split('\n').at(-1))
  const { milliseconds, operations } = await python3(here('op_times.py'), folder, JSON.stringify(call), availableParallelism(), library)
  // Forward, and the gradients of inputs and of weights, cost about the same.
  const floatingPoint = 2 * 3 * multiplyAdds * batch
  const share = (floatingPoint / (gigaflops * 1e9) / (milliseconds / 1e3)) * 100
  report(`batch ${batch}: ${milliseconds.toFixed(1)} ms, ${share.toFixed(0)} % of the rate of a large matrix product`)
  const total = operations.reduce((sum, [, , spent]) => sum + spent, 0)
  const rows = operations
    .filter(([, , spent]) => spent > total / 100)
    .map(([kind, count, spent]) => [kind, String(Math.round(count)), spent.toFixed(2), `${((spent / total) * 100).toFixed(0)} %`])
  return `Batch ${batch}: a large matrix product runs at ${gigaflops.toFixed(0)} GFLOP/s and a copy at ${gigabytes.toFixed(1)} GB/s. The step's products and convolutions are ${(floatingPoint / 1e9).toFixed(1)} GFLOP (three times the plan's multiply-adds, twice): at that rate ${((floatingPoint / gigaflops / 1e9) * 1e3).toFixed(1)} ms of the ${milliseconds.toFixed(1)} ms it takes, ${share.toFixed(0)} %. The rest moves memory:\n\n${table(['operation', 'times a step', 'ms', 'share of the operations’ time'], rows)}`
}
