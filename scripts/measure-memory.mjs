/**
 * The plan's estimate of memory against the engine's measured peak: two epochs of a few steps over random pixels, a process for each batch
 * size. Needs what a first run has set up.
 * usage: node scripts/measure-memory.mjs FILE [--batch 32,128,512] [--steps 4] [--set path=value …]
 */
import { parseArgs } from 'node:util'
import { dist, load, trainOn, withPack } from '../benchmarks/training.mjs'

const { imageSource } = await dist('engine/images.js')
const { estimateMemory } = await dist('network/memory.js')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batch: { type: 'string', default: '32,128,512' },
    steps: { type: 'string', default: '4' },
    set: { type: 'string', multiple: true, default: [] },
  },
})
const steps = Number(values.steps)
const { experiment, network } = await load(positionals[0], values.set)
const { optimizer, augmentation, evaluation, runtime } = experiment

console.log('batch  estimated MiB  measured MiB  estimated / measured')
for (const batchSize of values.batch.split(',').map(Number)) {
  const { estimated, measured } = await measure(batchSize)
  const row = [String(batchSize).padStart(5), (estimated / 2 ** 20).toFixed(0).padStart(13), (measured / 2 ** 20).toFixed(0).padStart(12)]
  console.log([...row, (estimated / measured).toFixed(2).padStart(20)].join('  '))
}

function measure(batchSize) {
  const validated = evaluation.batchSize
  return withPack(batchSize * steps + validated, network.inputShape, async (pack) => {
    const { peak: measured } = await trainOn(pack, { experiment, network, batchSize, epochs: 2, augmentation, validated })
    const bytes = pack.rows * pack.height * pack.width * pack.channels
    const images = { bytes, isResident: imageSource(pack, runtime.imageBudget) === 'table' }
    const { peak } = estimateMemory(network, { optimizer, batchSize, evaluationBatchSize: validated, images })
    return { estimated: peak.train, measured }
  })
}
