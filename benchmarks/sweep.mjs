/** What does a sweep cost beside the training of its trials, from the command's start to its exit? */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { median, table } from './figures.mjs'
import { dist, projectRoot } from './training.mjs'

const exec = promisify(execFile)
const { readJournal } = await dist('journal/journal.js')
const { listSweeps, runsInside } = await dist('journal/run-folder.js')

export const title = 'Sweeps'
const trials = 8
const atATime = 2
/** The smoke test as it stands, and trials that train for seconds. */
const lengths = [3, 300]
const wished = { ratio: 1.15, seconds: 2 }

function textOf(home, epochs) {
  return `extends: ${relative(home, join(projectRoot, 'experiments/smoke.yaml'))}
name: tiny
training: { epochs: ${epochs} }
sweep: { variants: { slow: {}, fast: { optimizer: { adagrad: { learningRate: 0.05 } } } }, repeats: ${trials / 2}, parallel: ${atATime} }
`
}

/** Seconds that a trial trained, and that it lasted, by its journal. */
async function readTrial({ journal }) {
  const { events } = await readJournal(journal)
  if (events.at(-1)?.status !== 'finished') throw new Error(`${journal} does not end with a finished run`)
  const trained = events.reduce((sum, event) => sum + (event.type === 'epoch' ? event.seconds : 0), 0)
  const begun = events.find(({ type }) => type === 'engine-started').at
  const first = events.find(({ type }) => type === 'epoch')
  const lasted = (events.at(-1).at - events[0].at) / 1000
  return { trained, beside: lasted - trained, untilFirst: (first.at - begun) / 1000 - first.seconds }
}

/** The patches are drawn and packed, and MLflow's database is made, by a run before the one that counts. */
async function measure(epochs) {
  const home = await mkdtemp(join(tmpdir(), 'runner-bench-sweep-'))
  const file = join(home, 'sweep.yaml')
  const env = { ...process.env, RUNNER_HOME: home, MLFLOW_TRACKING_URI: '' }
  const command = (...args) => exec(process.execPath, ['bootstrap/main.mjs', ...args], { cwd: projectRoot, env, maxBuffer: 1e8 })
  try {
    await writeFile(file, textOf(home, epochs))
    await command('experiments/smoke.yaml', '--set', 'training.epochs=1')
    const started = performance.now()
    await command(file)
    const whole = (performance.now() - started) / 1000
    const [sweep] = await listSweeps(join(home, 'runs'))
    const all = await Promise.all((await runsInside(sweep.path)).map(readTrial))
    if (all.length !== trials) throw new Error(`${all.length} trials instead of ${trials}`)
    return { whole, all }
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

export async function run({ report }) {
  const rows = []
  for (const epochs of lengths) {
    const { whole, all } = await measure(epochs)
    const trained = all.reduce((sum, trial) => sum + trial.trained, 0)
    const ideal = trained / atATime
    rows.push([
      String(epochs),
      (trained / trials).toFixed(2),
      ideal.toFixed(1),
      whole.toFixed(1),
      `${(whole / ideal).toFixed(2)}x`,
      ((whole * atATime - trained) / trials).toFixed(2),
      median(all.map(({ beside }) => beside)).toFixed(2),
      median(all.map(({ untilFirst }) => untilFirst)).toFixed(2),
    ])
    report(rows.at(-1).join(', '))
  }
  const header = [
    'epochs a trial',
    'a trial trains, s',
    'ideal, s',
    'the command, s',
    `ratio (wished: at most ${wished.ratio}x)`,
    `beside the training, s a trial (wished: below ${wished.seconds})`,
    'of which in its journal, median',
    'of which until its first step, median',
  ]
  const how = `${trials} trials of \`experiments/smoke.yaml\`, ${atATime} at a time, told to the embedded MLflow server that the command itself starts; the patches were packed before. Ideal: the seconds of all epochs by the trials' own journals, divided by ${atATime}; whatever else the command does from its start to its exit is overhead: Node, TensorFlow, MLflow's server, graphs, checkpoints, evaluation. An epoch's seconds hold what the other trial and MLflow take from it, so the ideal is not that of an idle machine.`
  return `${how}\n\n${table(header, rows)}`
}
