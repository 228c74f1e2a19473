/** How long does a training step take, without augmentation, beside stock tfjs, Keras and PyTorch? */
import { median, spread, table } from './figures.mjs'
import { peerFile, python3, pythonMissing, stockTfjs } from './peers.mjs'
import { load, trainOn, withPack } from './training.mjs'

export const title = 'Step rate'
/** Images a pass: enough steps to time and to make little of our checkpoint at its end, few enough for the slowest peer. */
const images = { 32: 960, 128: 1280, 512: 1536 }
const targets = { 32: { tfjs: 7, keras: 1.8, torch: 1.6 }, 128: {}, 512: { tfjs: 7, keras: 3, torch: 3.5 } }

/** Milliseconds a step over whole passes, the median of those after the first. */
async function ours(batchSize) {
  const count = images[batchSize]
  const { experiment, network } = await load('experiments/baseline.yaml')
  const { seconds } = await withPack(count + 32, network.inputShape, (pack) =>
    trainOn(pack, { experiment, network, batchSize, epochs: 4, validated: 32 }),
  )
  return (median(seconds.slice(1)) * 1000) / (count / batchSize)
}

const python = (script, mode) => async (batch) => (await python3(peerFile(script), batch, mode, images[batch])).ms_per_step
const contestants = [
  { name: 'runner', milliseconds: ours },
  { name: 'stock tfjs-node', key: 'tfjs', milliseconds: async (batch) => (await stockTfjs(batch, images[batch])).ms_per_step },
  { name: 'Keras fit', key: 'keras', isPython: true, milliseconds: python('step_keras.py', 'graph') },
  { name: 'PyTorch channels last', key: 'torch', isPython: true, milliseconds: python('step_torch.py', 'cl') },
  { name: 'PyTorch channels last, compiled', key: 'torch', isPython: true, milliseconds: python('step_torch.py', 'cl-compile') },
]

export async function run({ repeats, batches, report }) {
  const missing = pythonMissing()
  const present = contestants.filter(({ isPython }) => !isPython || missing === null)
  const sections = []
  for (const batch of batches) {
    const times = new Map(present.map(({ name }) => [name, []]))
    for (let repeat = 1; repeat <= repeats; repeat++) {
      for (const { name, milliseconds } of present) {
        const value = await milliseconds(batch)
        times.get(name).push(value)
        report(`batch ${batch}, repeat ${repeat} of ${repeats}: ${name} ${value.toFixed(1)} ms`)
      }
    }
    const own = median(times.get('runner'))
    const rows = present.map(({ name, key }) => {
      const target = targets[batch]?.[key]
      const ratio = (median(times.get(name)) / own).toFixed(2)
      return [name, spread(times.get(name)), name === 'runner' ? '' : `${ratio}x`, target === undefined ? '' : `${target}x`]
    })
    const header = [`batch ${batch}`, 'ms a step, median (range)', 'runner is faster by', 'wished']
    sections.push(table(header, rows))
  }
  const note = missing === null ? '' : `\n\nKeras and PyTorch were skipped: ${missing}.`
  return `Medians of ${repeats} interleaved repeats, each a process of its own that makes several passes.\n\n${sections.join('\n\n')}${note}`
}
