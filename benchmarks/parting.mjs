/** How far does a training on a device part from the same one on the CPU? RUNNER_PJRT_PLUGIN names a plugin where no card answers. */
import { table } from './figures.mjs'
import { cpuEnvironment, deviceEnvironment, load, trainOn, withPack } from './training.mjs'

export const title = 'Parting'

const [batchSize, steps] = [32, [1, 10, 100]]
const seeds = [1, 2]

/** The distance between the weights of two trainings, by the length of the second's. */
function apart(tensors, expected, names) {
  let [distance, length] = [0, 0]
  for (const name of names) {
    const [own, other] = [tensors.get(name), expected.get(name)]
    for (let index = 0; index < other.length; index++) {
      distance += (own[index] - other[index]) ** 2
      length += other[index] ** 2
    }
  }
  return Math.sqrt(distance / length)
}

export async function run({ report }) {
  const environment = await deviceEnvironment()
  if (!environment) return 'Skipped: no card answers, and RUNNER_PJRT_PLUGIN names no plugin.'
  const { experiment, network } = await load('experiments/baseline.yaml')
  const names = network.parameters.map(({ name }) => name)
  let device = ''
  const others = { device: environment, operations: { ...(await cpuEnvironment()), RUNNER_OPERATIONS: 'tensorflow' } }
  const rows = await withPack(4096, network.inputShape, async (pack) => {
    const lines = []
    for (const count of steps) {
      const distances = { device: [], operations: [] }
      for (const seed of seeds) {
        const options = { experiment, network, batchSize, epochs: 1, steps: count, seed, augmentation: experiment.augmentation }
        const native = await trainOn(pack, options)
        for (const [name, other] of Object.entries(others)) {
          const { tensors, started } = await trainOn(pack, { ...options, environment: other })
          device = started.accelerator?.card ?? device
          distances[name].push(apart(tensors, native.tensors, names))
        }
      }
      lines.push([count, ...Object.values(distances).map((all) => all.map((distance) => distance.toExponential(1)).join(', '))])
      report(`${count} steps: ${lines.at(-1).slice(1).join('; ')}`)
    }
    return lines
  })
  const heading = ['steps', `a device: ${device}`, "TensorFlow's operations on the CPU"]
  return `The distance between all weights and moving statistics of the baseline and those of the native operations of the CPU, by the latter's length, after so many steps of ${batchSize} random images with augmentation, float32, seeds ${seeds.join(', ')}. Rounding alone parts them, and grows from step to step: the last column is what it does on one machine.\n\n${table(heading, rows)}`
}
