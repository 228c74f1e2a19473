/** Whole training steps on a device against the same by the operations that train on the CPU: each optimizer, and the experiments that ship. */
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it, vi, beforeEach } from 'vitest'
import { dropoutSeeds, rateFeeds, warpTransforms } from '../../src/engine/feeds.ts'
import { firstValues } from '../../src/engine/first-values.ts'
import { graphSource } from '../../src/engine/graph-source.ts'
import type { GraphJob } from '../../src/engine/protocol.ts'
import type { Experiment } from '../../src/experiment/experiment.ts'
import { loadExperiment } from '../../src/experiment/load-experiment.ts'
import { compileProgram } from '../../src/graph/graph-program.ts'
import type { Feeds, Program } from '../../src/graph/step-function.ts'
import { randomLayers } from '../../src/layers/forward.ts'
import { updateRule } from '../../src/layers/optimizers.ts'
import type { Network } from '../../src/network/plan.ts'
import { planNetwork } from '../../src/network/plan-network.ts'
import { keyOf, uniforms } from '../../src/random/philox.ts'
import { projectRoot } from '../runner.ts'
import { optimizers, runSteps, smallSource } from '../graph/small-training.ts'
import { loadTensorflow } from '../tfjs.ts'
import { onDevice } from './device.ts'
import { cpuPlugin, skipWord } from './plugin.ts'

beforeAll(() => loadTensorflow({ onednn: true }))
afterEach(() => {
  vi.unstubAllEnvs()
  tf.disposeVariables()
})

/** The distance between two tensors, by the length of the second. */
function distance(actual: ArrayLike<number> | undefined, expected: ArrayLike<number>): number {
  let [apart, length] = [0, 1e-24]
  for (let index = 0; index < expected.length; index++) {
    apart += ((actual?.[index] ?? NaN) - (expected[index] ?? 0)) ** 2
    length += (expected[index] ?? 0) ** 2
  }
  return Math.sqrt(apart / length)
}

/** Whether bfloat16 could hold all of them: the lower half of each word is 0. Zeros say nothing. */
function isShort(values: Float32Array): boolean {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length).filter((word) => word !== 0)
  return words.length > 0 && words.every((word) => (word & 0xffff) === 0)
}

/** The largest distance of any variable whose name passes. */
function farthest(actual: Variables, expected: Variables, isMeant: (name: string) => boolean = () => true): number {
  const names = [...expected.keys()].filter(isMeant)
  if (names.length === 0) throw new Error('no variable is meant')
  return Math.max(...names.map((name) => distance(actual.get(name), expected.get(name) ?? [])))
}

type Variables = ReadonlyMap<string, Float32Array>

/** `layer/role`; an optimizer's are `layer/role/slot`. */
const isSlot = (name: string): boolean => name.split('/').length === 3

interface Shipped {
  readonly experiment: Experiment
  readonly network: Network
  readonly graph: GraphJob
}

const rows = 256

async function shipped(file: string): Promise<Shipped> {
  const options = { env: {}, cwd: projectRoot, projectRoot, set: [] }
  const { value: located } = await loadExperiment(join(projectRoot, 'experiments', file), options)
  const network = located && planNetwork(located).value
  if (!network) throw new Error(`${file} is at fault`)
  const { experiment } = located
  const { optimizer, loss, augmentation, training } = experiment
  const fill = augmentation?.fill ?? null
  const sizes = { batchSizes: [training.batchSize], evaluationBatchSize: 32, images: rows, isResident: true }
  return { experiment, network, graph: { network, optimizer, loss, fill, classWeights: [1, 2.5], ...sizes } }
}

function feedsOf({ experiment, network }: Shipped, t: number): Feeds {
  const { training, augmentation, optimizer } = experiment
  const chosen = Int32Array.from({ length: training.batchSize }, (_, index) => (t * 41 + index * 7) % rows)
  return {
    rows: chosen,
    labels: chosen.map((row) => row % 2),
    seeds: dropoutSeeds(randomLayers(network), 7, t),
    ...rateFeeds(optimizer, updateRule(optimizer), t, 10, 1).feeds,
    ...(augmentation ? { transforms: warpTransforms(augmentation, 7, 1, chosen, network.inputShape) } : {}),
  }
}

/** Waves of a length and direction of each image's own: near pixels are alike, as in tissue. */
function pixels([height = 1, width = 1, channels = 1]: readonly number[]): Uint8Array {
  const draws = uniforms(keyOf(1, 'pixels'), rows * 8)
  return Uint8Array.from({ length: rows * height * width * channels }, (_, index) => {
    const [channel, x, y] = [index % channels, Math.floor(index / channels) % width, Math.floor(index / channels / width) % height]
    const draw = (number: number): number => draws[Math.floor(index / channels / width / height) * 8 + number] ?? 0
    const wave = Math.sin(x * (0.1 + 0.4 * draw(0)) + y * (0.1 + 0.4 * draw(1)) + 6 * draw(2 + channel))
    return 128 + 60 * wave + 50 * Math.cos((x * draw(5) - y * draw(6)) / 2 + channel)
  })
}

/** Some steps from the experiment's first values: the loss of each, and the variables after the first. */
async function runShipped(
  program: Program,
  given: Shipped,
  steps: number,
): Promise<{ losses: number[]; first: Map<string, Float32Array> }> {
  const { network, experiment } = given
  program.assign(firstValues(network, updateRule(experiment.optimizer), 7))
  program.fillTable(0, pixels(network.inputShape))
  const losses: number[] = []
  let first = new Map<string, Float32Array>()
  for (let t = 0; t < steps; t++) {
    const { done } = await program.run('train', experiment.training.batchSize, feedsOf(given, t))
    losses.push(done?.[0] ?? NaN)
    if (t === 0) first = await program.read()
  }
  program.dispose()
  return { losses, first }
}

describe('a training on a device', () => {
  beforeEach(({ skip }) => skip(cpuPlugin === null, skipWord))
  it.each(optimizers)('has the variables of the native operations after a step of $kind', async (optimizer) => {
    vi.stubEnv('RUNNER_OPERATIONS', 'tensorflow')
    const lowered = smallSource(optimizer, [8])
    const device = await runSteps(await onDevice(lowered.source), lowered.model, optimizer, [8])
    vi.stubEnv('RUNNER_OPERATIONS', '')
    const native = smallSource(optimizer, [8])
    const expected = await runSteps(compileProgram(native.source), native.model, optimizer, [8])
    expect(expected.size).toBeGreaterThan(20)
    // A bias before a batch normalisation has no gradient but rounding errors, of which Adam makes whole steps.
    expect(farthest(device, expected, (name) => !name.startsWith('dense_1/bias'))).toBeLessThan(1e-4)
  })

  it.each([
    { file: 'smoke.yaml', steps: 5 },
    { file: 'baseline.yaml', steps: 3 },
  ])(
    'of $file has the variables of the native operations after a step, and their losses',
    { timeout: 240_000 },
    async ({ file, steps }) => {
      const given = await shipped(file)
      vi.stubEnv('RUNNER_OPERATIONS', 'tensorflow')
      const device = await runShipped(await onDevice(graphSource(given.graph).source), given, steps)
      vi.stubEnv('RUNNER_OPERATIONS', '')
      const native = await runShipped(compileProgram(graphSource(given.graph).source), given, steps)
      expect(farthest(device.first, native.first, (name) => !isSlot(name))).toBeLessThan(1e-4)
      // Squares of gradients are twice as far apart as those.
      expect(farthest(device.first, native.first, isSlot)).toBeLessThan(2e-4)
      for (const [t, loss] of native.losses.entries()) expect(Math.abs((device.losses[t] ?? NaN) - loss) / loss).toBeLessThan(1e-2)
      expect(device.losses[0]).toBeCloseTo(native.losses[0] ?? NaN, 5)
    },
  )

  it('ends several steps in one call where as many calls end', async () => {
    vi.stubEnv('RUNNER_OPERATIONS', 'tensorflow')
    const given = await shipped('smoke.yaml')
    const ends = []
    for (const stepsPerCall of [1, 4]) {
      const program = await onDevice(graphSource(given.graph).source, { stepsPerCall })
      program.assign(firstValues(given.network, updateRule(given.experiment.optimizer), 7))
      program.fillTable(
        0,
        new Uint8Array(rows * given.network.inputShape.reduce((a, b) => a * b, 1)).map((_, index) => index * 31),
      )
      const calls = Array.from({ length: 8 }, (_, t) => feedsOf(given, t))
      for (let t = 0; t < 8; t += stepsPerCall)
        await program.runEach('train', given.experiment.training.batchSize, calls.slice(t, t + stepsPerCall))
      ends.push({ variables: await program.read(), metrics: await program.run('metrics', 1, {}) })
      program.dispose()
    }
    const [one, four] = ends
    expect(farthest(four?.variables ?? new Map(), one?.variables ?? new Map())).toBeLessThan(1e-4)
    expect(four?.metrics['correct']).toEqual(one?.metrics['correct'])
  })

  // A batch as large as a kernel, and one that divides the rows of a dense layer's weights: shapes alone tell these from maps of images nowhere.
  it.each(
    optimizers
      .filter(({ kind }) => kind === 'sgd' || kind === 'adam')
      .flatMap((optimizer) => [3, 8].map((batch) => ({ optimizer, batch }))),
  )('in bfloat16 keeps weights and slots of $optimizer.kind in float32, at batch $batch', async ({ optimizer, batch }) => {
    vi.stubEnv('RUNNER_OPERATIONS', 'tensorflow')
    const { source, model } = smallSource(optimizer, [batch])
    const names = model.network.parameters.filter(({ isTrainable }) => isTrainable).map(({ name }) => name)
    const after = await runSteps(await onDevice(source, { precision: 'bfloat16' }), model, optimizer, [batch, batch])
    const short = [...after].filter(([name, values]) => names.some((own) => name.startsWith(own)) && values.length > 8 && isShort(values))
    expect(short.map(([name]) => name)).toEqual([])
  })

  it.each([
    { precision: 'tf32', near: 1e-2 },
    { precision: 'bfloat16', near: 5e-2 },
  ] as const)('in $precision stays near float32, and keeps float32 weights', async ({ precision, near }) => {
    vi.stubEnv('RUNNER_OPERATIONS', 'tensorflow')
    const given = await shipped('smoke.yaml')
    const exact = await runShipped(await onDevice(graphSource(given.graph).source), given, 5)
    const program = await onDevice(graphSource(given.graph).source, { precision })
    const rough = await runShipped(program, given, 5)
    for (const [t, loss] of exact.losses.entries()) expect(Math.abs((rough.losses[t] ?? NaN) - loss)).toBeLessThan(near)
    if (precision === 'bfloat16') {
      expect(rough.losses).not.toEqual(exact.losses)
      expect([...rough.first].filter(([, values]) => values.length > 8 && isShort(values)).map(([name]) => name)).toEqual([])
    }
  })
})
