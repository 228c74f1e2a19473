/** How fast does a trained network say what it thinks of 10,000 images, beside how fast it is trained? */
import { median, spread, table } from './figures.mjs'
import { load, trainOn, withPack } from './training.mjs'

export const title = 'Prediction'
const predicted = 10_000
const trained = 1280
const batchSize = 32

export async function run({ repeats, report }) {
  const { experiment, network } = await load('experiments/baseline.yaml')
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
  const ratio = median(rates.prediction) / median(rates.training)
  const rows = [
    [`training, batch ${batchSize}`, spread(rates.training, 0), ''],
    [`prediction of ${predicted.toLocaleString('en-US')} images that lie in a pack`, spread(rates.prediction, 0), `${ratio.toFixed(2)}x`],
  ]
  return `Both through the engine, after their graphs were compiled; ${repeats} repeats.\n\n${table(['', 'images a second', 'of the training rate (wished: 3x)'], rows)}`
}
