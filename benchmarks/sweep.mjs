/** What does a sweep cost beside the training of its trials, from the command's start to its exit? */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { clearInterval, setInterval } from 'node:timers'
import { promisify } from 'node:util'
import { median, table } from './figures.mjs'
import { dist, projectRoot } from './training.mjs'

const exec = promisify(execFile)
const { readJournal } = await dist('journal/journal.js')
const { listRuns, listSweeps, runsInside } = await dist('journal/run-folder.js')

export const title = 'Sweeps'
const trials = 8
const atATime = 2
/** A trial that is worth one, if a tiny one; and two that are not: the smoke test as it stands, and hundreds of its epochs, each a checkpoint. */
const kinds = [
  { name: 'CancerNet, 5 epochs of 1,088 patches', file: 'experiments/baseline.yaml', epochs: 5, fast: 0.02 },
  { name: 'the smoke test, 300 epochs of 3 steps', file: 'experiments/smoke.yaml', epochs: 300, fast: 0.05 },
  { name: 'the smoke test, 3 epochs of 3 steps', file: 'experiments/smoke.yaml', epochs: 3, fast: 0.05 },
]
const wished = { ratio: 1.15, seconds: 2 }

function textOf(home, { file, epochs, fast }) {
  return `extends: ${relative(home, join(projectRoot, file))}
name: tiny
training: { epochs: ${epochs} }
sweep: { variants: { slow: {}, fast: { optimizer: { adagrad: { learningRate: ${fast} } } } }, repeats: ${trials / 2}, parallel: ${atATime} }
`
}

/** When a trial began and ended, and the seconds that it trained and that it waited for its first step, by its journal. */
async function readTrial({ journal }) {
  const { events } = await readJournal(journal)
  if (events.at(-1)?.status !== 'finished') throw new Error(`${journal} does not end with a finished run`)
  const trained = events.reduce((sum, event) => sum + (event.type === 'epoch' ? event.seconds : 0), 0)
  const engine = events.find(({ type }) => type === 'engine-started').at
  const first = events.find(({ type }) => type === 'epoch')
  return { begun: events[0].at, ended: events.at(-1).at, trained, untilFirst: (first.at - engine) / 1000 - first.seconds }
}

/** The seconds of the processor that MLflow's server has taken by the time it is gone; `stop` ends the looking. */
function watchServer(home) {
  let seconds = 0
  const look = async () => {
    try {
      const { pid } = JSON.parse(await readFile(join(home, 'runs/mlflow/server.json'), 'utf8'))
      // proc(5): utime and stime, in hundredths of a second.
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ')
      seconds = (Number(fields[11]) + Number(fields[12])) / 100
    } catch {
      // Not there yet, or gone.
    }
  }
  const timer = setInterval(look, 100)
  return {
    stop() {
      clearInterval(timer)
      return seconds
    },
  }
}

/** One trial alone on one thread, by which the patches are drawn and packed and MLflow's database is made; then the sweep. */
async function measure(kind) {
  const home = await mkdtemp(join(tmpdir(), 'runner-bench-sweep-'))
  const file = join(home, 'sweep.yaml')
  const env = { ...process.env, RUNNER_HOME: home, MLFLOW_TRACKING_URI: '' }
  const command = (...args) => exec(process.execPath, ['bootstrap/main.mjs', ...args], { cwd: projectRoot, env, maxBuffer: 1e8 })
  try {
    await writeFile(file, textOf(home, kind))
    await command(kind.file, '--set', `training.epochs=${kind.epochs}`, '--set', 'runtime.threads=1')
    const [lone] = await listRuns(join(home, 'runs'))
    const alone = (await readTrial(lone)).trained
    const server = watchServer(home)
    const started = Date.now()
    await command(file)
    const ended = Date.now()
    const mlflow = server.stop()
    const [sweep] = await listSweeps(join(home, 'runs'))
    const all = await Promise.all((await runsInside(sweep.path)).map(readTrial))
    if (all.length !== trials) throw new Error(`${all.length} trials instead of ${trials}`)
    const before = Math.min(...all.map(({ begun }) => begun)) - started
    const after = ended - Math.max(...all.map((trial) => trial.ended))
    return { alone, whole: (ended - started) / 1000, before: before / 1000, after: after / 1000, mlflow, all }
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

export async function run({ report }) {
  const rows = []
  for (const kind of kinds) {
    const { alone, whole, before, after, mlflow, all } = await measure(kind)
    const trained = all.reduce((sum, trial) => sum + trial.trained, 0)
    const ideal = trained / atATime
    const untilFirst = all.sort((a, b) => a.begun - b.begun).map((trial) => trial.untilFirst)
    rows.push([
      kind.name,
      `${(trained / trials).toFixed(2)} (alone ${alone.toFixed(2)})`,
      whole.toFixed(1),
      `${(whole / ideal).toFixed(2)}x (${((whole * atATime) / trials / alone).toFixed(2)}x)`,
      ((whole * atATime - trained) / trials).toFixed(2),
      (((whole - before - after) * atATime - trained) / trials).toFixed(2),
      `${before.toFixed(1)} and ${after.toFixed(1)}`,
      `${median(untilFirst.slice(0, atATime)).toFixed(2)}, then ${median(untilFirst.slice(atATime)).toFixed(2)}`,
      mlflow.toFixed(1),
    ])
    report(rows.at(-1).join(', '))
  }
  const header = [
    'a trial',
    'trains, s',
    'the command, s',
    `of ideal (wished: at most ${wished.ratio}x)`,
    `beside the training, s a trial (wished: below ${wished.seconds})`,
    'without the fixed part',
    'fixed: before the first trial and after the last, s',
    'until the first step, s',
    'MLflow’s server, s of a core',
  ]
  const how = `${trials} trials, two variants with four seeds, ${atATime} at a time with a thread each, told to the embedded MLflow server that the command itself starts; the patches were packed before. Ideal: the seconds of all epochs by the trials' own journals, divided by ${atATime}; whatever else the command does from its start to its exit is overhead, and divided by the trials it is what stands beside the training: Node, TensorFlow, MLflow's server, graphs, checkpoints, evaluation. The fixed part is what comes once, before the first trial's first event and after the last one's last. An epoch's seconds hold what the other trial, the checkpoints and MLflow take from it. In brackets: what the same trial takes alone, with the second core for everything else, and the ratio to a schedule of trials that are as fast as that.`
  return `${how}\n\n${table(header, rows)}`
}
