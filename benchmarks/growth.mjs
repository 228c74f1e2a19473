/** What does a larger data set cost: a step, memory, loading? And the other way, reading ahead within a budget? */
import { median, table } from './figures.mjs'
import { load, trainOn, withPack } from './training.mjs'

export const title = 'Growth of the data set'
const sizes = [2000, 16_029, 277_524]
const readAheadBudget = 256e6
const steps = 40

const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(0)

export async function run({ report }) {
  const { experiment, network } = await load('experiments/baseline.yaml')
  const rows = []
  const measured = new Map()
  for (const size of sizes) {
    await withPack(size, network.inputShape, async (pack) => {
      const bytes = size * network.inputShape.reduce((a, b) => a * b, 1)
      for (const [way, imageBudget] of [
        ['resident', 8e9],
        ['read ahead', readAheadBudget],
      ]) {
        if (way === 'read ahead' && bytes <= readAheadBudget) continue
        // A sample of the rows, spread over the whole pack, is trained on: the step sees all of the table, the benchmark does not take hours.
        const result = await trainOn(pack, {
          experiment,
          network,
          batchSize: 32,
          epochs: 3,
          augmentation: experiment.augmentation,
          steps,
          imageBudget,
        })
        measured.set(`${size} ${way}`, { ...result, bytes })
        const milliseconds = (median(result.seconds.slice(1)) * 1000) / steps
        rows.push([
          size.toLocaleString('en'),
          mebibytes(bytes),
          way,
          milliseconds.toFixed(1),
          mebibytes(result.peak),
          result.firstProgress.toFixed(1),
        ])
        report(rows.at(-1).join(', '))
      }
    })
  }
  const [small, large] = [measured.get(`${sizes[0]} resident`), measured.get(`${sizes.at(-1)} resident`)]
  const cost = ((large.peak - small.peak) / (large.bytes - small.bytes)).toFixed(2)
  const ahead = measured.get(`${sizes.at(-1)} read ahead`)
  const same = ahead.weightsHash === large.weightsHash ? 'the same weights, bit for bit' : 'OTHER weights'
  const header = ['patches', 'MiB of pixels', 'images', 'ms a step at 32, augmented', 'engine’s peak, MiB', 'seconds to the first progress']
  return `Resident images cost ${cost} times their bytes at the peak (wished: at most 1.2). Resident and read ahead within ${mebibytes(readAheadBudget)} MiB give ${same}.\n\n${table(header, rows)}`
}
