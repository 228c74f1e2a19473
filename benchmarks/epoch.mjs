/** How long does an epoch of the real patches take with everything in it, beside Keras with its ImageDataGenerator? What does augmentation cost? */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { median, spread, table } from './figures.mjs'
import { peerFile, pythonMissing } from './peers.mjs'
import { load, projectRoot, trainOn, withPack } from './training.mjs'

const exec = promisify(execFile)
export const title = 'A real epoch'

/** Seconds of the second epoch: gather, warp, train, validate. */
async function ours(manifest, runs) {
  const set = ['training.epochs=2', `split={manifest: ${manifest}}`, 'tracking.enabled=false', `name=bench`]
  const args = ['bootstrap/main.mjs', 'experiments/baseline.yaml', '--json', ...set.flatMap((value) => ['--set', value])]
  const { stdout } = await exec(process.execPath, args, { cwd: projectRoot, maxBuffer: 1e8, env: { ...process.env, RUNNER_HOME: runs } })
  const epochs = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === 'epoch')
  return epochs.at(-1).seconds
}

/** Keras says "360/360 - 34s - …" for each epoch, validation included. */
async function keras(manifest) {
  const args = [peerFile('keras_reference.py'), manifest, process.env.IDC_ROOT, '--epochs', '2']
  const { stdout } = await exec(process.env.RUNNER_PEERS_PYTHON, args, { maxBuffer: 1e8 })
  return Number([...stdout.matchAll(/- (\d+)s - /g)].at(-1)[1])
}

async function realEpoch({ repeats, report }) {
  if (process.env.IDC_ROOT === undefined) return 'The real epoch was skipped: IDC_ROOT names no folder of real patches.'
  const missing = pythonMissing()
  if (missing !== null) return `The real epoch was skipped: ${missing}.`
  const manifest = peerFile('idc-split.csv')
  const runs = await mkdtemp(join(tmpdir(), 'runner-bench-runs-'))
  const times = { runner: [], Keras: [] }
  try {
    for (let repeat = 1; repeat <= repeats; repeat++) {
      times.runner.push(await ours(manifest, runs))
      times.Keras.push(await keras(manifest))
      report(`repeat ${repeat} of ${repeats}: runner ${times.runner.at(-1).toFixed(1)} s, Keras ${times.Keras.at(-1)} s`)
    }
  } finally {
    await rm(runs, { recursive: true, force: true })
  }
  const ratio = `${(median(times.Keras) / median(times.runner)).toFixed(2)}x`
  const rows = [
    ['runner', spread(times.runner), ''],
    ['Keras, keras_reference.py', spread(times.Keras, 0), ratio],
  ]
  return `11,494 patches in batches of 32 with the full augmentation, then 1,262 to validate: the second epoch, ${repeats} interleaved repeats.\n\n${table(['', 'seconds', 'runner is faster by (wished: 2x)'], rows)}`
}

async function augmentationCost({ repeats, report }) {
  const { experiment, network } = await load('experiments/baseline.yaml')
  const [batchSize, steps] = [512, 3]
  const times = { plain: [], augmented: [] }
  await withPack(batchSize * steps + 32, network.inputShape, async (pack) => {
    for (let repeat = 1; repeat <= repeats; repeat++) {
      for (const [name, augmentation] of [
        ['plain', null],
        ['augmented', experiment.augmentation],
      ]) {
        const { seconds } = await trainOn(pack, { experiment, network, batchSize, epochs: 4, augmentation })
        times[name].push((median(seconds.slice(1)) * 1000) / steps)
      }
      report(`augmentation at 512, repeat ${repeat}: ${times.plain.at(-1).toFixed(0)} and ${times.augmented.at(-1).toFixed(0)} ms`)
    }
  })
  const cost = (median(times.augmented) / median(times.plain) - 1) * 100
  const rows = [
    ['without augmentation', spread(times.plain, 0)],
    ['with rotation, zoom, shift, shear and flips', spread(times.augmented, 0)],
  ]
  return `Augmentation costs ${cost.toFixed(1)} % of the step at batch 512 (wished: under 15 %).\n\n${table(['', 'ms a step'], rows)}`
}

export async function run(options) {
  return `${await realEpoch(options)}\n\n${await augmentationCost(options)}`
}
