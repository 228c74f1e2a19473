/** How long until `check`, until `plan`, until the first step? */
import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { spread, table } from './figures.mjs'
import { projectRoot } from './training.mjs'

const exec = promisify(execFile)
export const title = 'Start-up'

async function seconds(work) {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1000
}

const command = (...args) => exec(process.execPath, ['bootstrap/main.mjs', ...args], { cwd: projectRoot, maxBuffer: 1e8 })

/** Seconds until the first epoch begins; the run is interrupted as soon as it has ended and said how long it took. */
async function untilFirstStep(file) {
  const started = performance.now()
  const child = spawn(process.execPath, ['bootstrap/main.mjs', file, '--json'], { cwd: projectRoot, stdio: ['ignore', 'pipe', 'ignore'] })
  const closed = new Promise((resolve) => child.once('close', resolve))
  let begun = Number.NaN
  for await (const line of createInterface({ input: child.stdout })) {
    const event = line.startsWith('{') ? JSON.parse(line) : {}
    if (event.type !== 'epoch' || !Number.isNaN(begun)) continue
    begun = (performance.now() - started) / 1000 - event.seconds
    child.kill('SIGINT')
  }
  await closed
  return begun
}

const files = Array.from({ length: 100 }, () => 'experiments/baseline.yaml')
const questions = [
  ['check, one file', () => command('check', 'experiments/baseline.yaml')],
  ['check, 100 files', () => command('check', ...files)],
  ['plan, packed before', () => command('plan', 'experiments/baseline.yaml')],
]

export async function run({ repeats, report }) {
  const rows = []
  for (const [name, work] of questions) {
    await work()
    const times = []
    for (let repeat = 0; repeat < repeats; repeat++) times.push(await seconds(work))
    rows.push([name, spread(times, 2)])
    report(`${name}: ${rows.at(-1)[1]} s`)
  }
  const begun = []
  for (let repeat = 0; repeat < repeats; repeat++) begun.push(await untilFirstStep('experiments/baseline.yaml'))
  rows.push(['until the first step of baseline.yaml, synthetic patches packed before', spread(begun, 2)])
  report(`${rows.at(-1)[0]}: ${rows.at(-1)[1]} s`)
  return `The second time and later, ${repeats} repeats.\n\n${table(['', 'seconds'], rows)}`
}
