/** How fast does a trained network say what it thinks of 10,000 images, beside how fast it is trained; and how long does the command take? */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { glob } from 'tinyglobby'
import { median, spread, table } from './figures.mjs'
import { dist, load, projectRoot, trainOn, withPack } from './training.mjs'

const exec = promisify(execFile)
const { listRuns } = await dist('journal/run-folder.js')
const { makeSynthetic } = await dist('dataset/synthetic.js')

export const title = 'Prediction'
const file = 'experiments/baseline.yaml'
const predicted = 10_000
const trained = 1280
const batchSize = 32

export async function run({ repeats, report }) {
  const { experiment, network } = await load(file)
  const rates = { training: [], prediction: [] }
  for (let repeat = 1; repeat <= repeats; repeat++) {
    const common = { experiment, network, batchSize, epochs: 3 }
    const { seconds } = await withPack(trained + 32, network.inputShape, (pack) => trainOn(pack, { ...common, validated: 32 }))
    rates.training.push(trained / median(seconds.slice(1)))
    const { predictSeconds } = await withPack(trained + predicted, network.inputShape, (pack) =>
      trainOn(pack, { ...common, epochs: 1, validated: predicted, steps: 2 }),
    )
    rates.prediction.push(predicted / predictSeconds)
    report(`repeat ${repeat} of ${repeats}: ${rates.training.at(-1).toFixed(0)} and ${rates.prediction.at(-1).toFixed(0)} images a second`)
  }
  const { all, one } = await predictFiles(experiment, repeats)
  report(`the command: ${spread(all, 2)} s, for one image ${spread(one, 2)} s`)
  const trainingRate = median(rates.training)
  const ofTraining = (rate) => `${(rate / trainingRate).toFixed(2)}x`
  const images = predicted.toLocaleString('en-US')
  const rows = [
    [`training, batch ${batchSize}`, spread(rates.training, 0), ''],
    [`prediction of ${images} images that lie in a pack`, spread(rates.prediction, 0), ofTraining(median(rates.prediction))],
    [
      `\`runner predict RUN FOLDER\`, ${images} PNG files, beyond its start`,
      (predicted / (median(all) - median(one))).toFixed(0),
      ofTraining(predicted / (median(all) - median(one))),
    ],
    ['the same from its start to its exit', (predicted / median(all)).toFixed(0), ofTraining(predicted / median(all))],
  ]
  const how = `The first two through the engine, after their graphs were compiled. The command reads and decodes the files besides: ${spread(all, 2)} s from its start to its exit. For one file, that is to start Node and TensorFlow and to compile the graph, it takes ${spread(one, 2)} s. ${repeats} repeats.`
  return `${how}\n\n${table(['', 'images a second', 'of the training rate (wished: 3x)'], rows)}`
}

/** Seconds of each command on all images and on one, after one of both that counts for nothing. The model has seen one epoch of other look-alike patches. */
async function predictFiles({ dataset }, repeats) {
  const home = await mkdtemp(join(tmpdir(), 'runner-bench-predict-'))
  const env = { ...process.env, RUNNER_HOME: home, IDC_ROOT: undefined, MLFLOW_TRACKING_URI: '' }
  const command = (...args) => exec(process.execPath, ['bootstrap/main.mjs', ...args], { cwd: projectRoot, env, maxBuffer: 1e8 })
  const synthetic = { patients: 50, patches: predicted }
  try {
    const images = await makeSynthetic({ ...dataset, synthetic }, { folder: home, onProgress: () => undefined })
    await command(file, '--set', 'training.epochs=1')
    const [trainedRun] = await listRuns(join(home, 'runs'))
    const secondsOf = async (path) => {
      const started = performance.now()
      await command('predict', trainedRun.id, path, '--to', join(home, 'called.csv'))
      return (performance.now() - started) / 1000
    }
    const single = (await glob('**/*.png', { cwd: images, absolute: true }))[0]
    const [all, one] = [[], []]
    for (let repeat = 0; repeat <= repeats; repeat++) {
      all.push(await secondsOf(images))
      one.push(await secondsOf(single))
    }
    return { all: all.slice(1), one: one.slice(1) }
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
