/** Every kind of layer, loss, optimizer and warp on a device against TensorFlow's operations: outputs, gradients, variables after a step. */
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi, beforeEach } from 'vitest'
import type { Layer } from '../../src/experiment/experiment.ts'
import { compileProgram, graphsOf } from '../../src/graph/graph-program.ts'
import type { Argument, Feed, ProgramSource, StepFunction } from '../../src/graph/step-function.ts'
import { dropout } from '../../src/kernels/dropout.ts'
import { warp } from '../../src/kernels/images.ts'
import { warpTransform } from '../../src/layers/augmentation.ts'
import { forward, prediction } from '../../src/layers/forward.ts'
import { weightedLoss } from '../../src/layers/losses.ts'
import { updateRule } from '../../src/layers/optimizers.ts'
import type { Network, PlannedLayer } from '../../src/network/plan.ts'
import { learningRateAt } from '../../src/network/schedule.ts'
import { readFixture, type FixtureParameters, type FixtureTensor } from '../parity/fixtures.ts'
import { largestDifference, loadTensorflow, tensorOf } from '../tfjs.ts'
import { inScope } from '../../src/kernels/tensorflow.ts'
import { loweredOperations } from '../../src/xla/lowerings.ts'
import { onDevice } from './device.ts'
import { cpuPlugin, skipWord } from './plugin.ts'

beforeAll(() => loadTensorflow({ onednn: false }))

const tolerance = 1e-4
/** Kinds of operations that any test here traced. */
const asked = new Set<string>()

interface Once {
  /** Whether shapes stay as they are at every batch size. */
  readonly isFixed?: boolean
  readonly variables?: ReadonlyMap<string, tf.Variable>
  /** The first axis of the first is the batch, and of others that are as long. */
  readonly arguments: Readonly<Record<string, FixtureTensor & { readonly dtype?: 'int32' }>>
  readonly body: StepFunction['body']
}

type Fetched = Readonly<Record<string, ArrayLike<number>>>

/** What the step fetches, and the variables after it, by the device and by TensorFlow. */
async function runBoth({
  isFixed = false,
  variables = new Map(),
  arguments: given,
  body,
}: Once): Promise<{ device: Fetched; tensorflow: Fetched }> {
  const [batch = 1] = Object.values(given)[0]?.shape ?? []
  const step: StepFunction = {
    name: 'test',
    isRepeatable: false,
    batchSizes: [batch],
    arguments: Object.entries(given).map(([name, { shape, dtype = 'float32' as const }]): Argument => ({
      name,
      dtype,
      shape: (size) => (shape[0] === batch && !isFixed ? [size, ...shape.slice(1)] : shape),
    })),
    body,
  }
  const source: ProgramSource = { variables, table: null, steps: [step] }
  for (const graph of graphsOf(source, step).values()) for (const node of graph.nodes) if (node.kind === 'operation') asked.add(node.op)
  const feeds = Object.fromEntries(
    Object.entries(given).map(([name, { values, dtype }]): [string, Feed] => [
      name,
      dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values),
    ]),
  )
  const [device, tensorflow] = [await onDevice(source), compileProgram(source)]
  const fetched = [device, tensorflow].map(async (program) => {
    const outputs = await program.run('test', batch, feeds)
    const after = await program.read()
    program.dispose()
    return { ...outputs, ...Object.fromEntries(after) }
  })
  const [one = {}, other = {}] = await Promise.all(fetched)
  return { device: one, tensorflow: other }
}

async function expectEqual(once: Once): Promise<Fetched> {
  const { device, tensorflow } = await runBoth(once)
  expect(Object.keys(device).length).toBeGreaterThan(0)
  for (const [name, values] of Object.entries(tensorflow))
    expect(largestDifference(device[name] ?? [], values), name).toBeLessThan(tolerance)
  return device
}

function networkOf(layer: Layer): Network {
  const planned: PlannedLayer = { layer, inputShape: [], outputShape: [], parameters: [], multiplyAdds: 0 }
  return { inputShape: [], classes: 0, layers: [planned], parameters: [], head: 'softmax', trainable: 0, nonTrainable: 0 }
}

function variablesOf(parameters: FixtureParameters, prefix: string): Map<string, tf.Variable> {
  return new Map(Object.entries(parameters).map(([role, tensor]) => [prefix + role, tf.tidy(() => tf.variable(tensorOf(tensor)))]))
}

/** Gradients of sum(run · outputGradient), by x and by each of these. */
function gradients(
  run: () => tf.Tensor,
  g: tf.Tensor,
  x: tf.Tensor,
  variables: ReadonlyMap<string, tf.Variable>,
): Record<string, tf.Tensor> {
  const all = [x, ...variables.values()]
  const found = tf.grads(() => tf.sum(tf.mul(run(), g)))(all)
  return Object.fromEntries(['x', ...variables.keys()].map((name, index) => [`gradient of ${name}`, found[index] ?? tf.scalar(NaN)]))
}

const seeds = (first: number, second: number): FixtureTensor & { readonly dtype: 'int32' } => ({
  shape: [2],
  values: [first, second],
  dtype: 'int32',
})

describe('on a device', () => {
  beforeEach(({ skip }) => skip(cpuPlugin === null, skipWord))
  beforeAll(() => vi.stubEnv('RUNNER_OPERATIONS', 'tensorflow'))
  afterAll(() => {
    vi.unstubAllEnvs()
  })
  afterEach(() => tf.disposeVariables())

  it.each(readFixture('layers'))('layer: $name', async ({ layer, parameters, input, output, outputGradient }) => {
    const variables = variablesOf(parameters, `${layer.name}/`)
    const device = await expectEqual({
      variables,
      arguments: { x: input, g: outputGradient },
      body: ({ x, g }) => {
        const run = (): tf.Tensor => forward(networkOf(layer), variables, x as tf.Tensor4D, prediction)
        return { output: run(), ...gradients(run, g as tf.Tensor, x as tf.Tensor, variables) }
      },
    })
    expect(largestDifference(device['output'] ?? [], output.values)).toBeLessThan(tolerance)
  })

  it.each(readFixture('batch-normalization'))('batch normalization: $name', async ({ layer, parameters, batches: [first] }) => {
    if (!first) throw new Error('no batch')
    const variables = variablesOf(parameters, `${layer.name}/`)
    const learned = new Map([...variables].filter(([name]) => !name.includes('moving')))
    await expectEqual({
      variables,
      arguments: { x: first.input, g: first.outputGradient, seeds: { shape: [1, 2], values: [0, 0], dtype: 'int32' } },
      body: ({ x, g, seeds: drawn }) => {
        const use = { seeds: drawn as tf.Tensor2D, isPortable: false }
        const run = (): tf.Tensor => forward(networkOf(layer), variables, x as tf.Tensor4D, use)
        return gradients(run, g as tf.Tensor, x as tf.Tensor, learned)
      },
    })
    await expectEqual({
      variables,
      arguments: { x: first.input },
      body: ({ x }) => ({ output: forward(networkOf(layer), variables, x as tf.Tensor4D, prediction) }),
    })
  })

  it.each(
    readFixture('losses').flatMap((given) => [
      given,
      ...(given.head === 'softmax' ? [{ ...given, loss: 'sigmoidCrossentropy' as const }] : []),
    ]),
  )('loss: $loss, $name', async ({ loss, head, classWeights, logits, labels }) => {
    await expectEqual({
      arguments: { z: logits, labels: { shape: [labels.length], values: labels, dtype: 'int32' } },
      body: ({ z, labels: given }) => {
        const value = (): tf.Scalar => {
          const pair =
            head === 'softmax' ? (z as tf.Tensor2D) : (tf.concat([tf.zerosLike(z as tf.Tensor), z as tf.Tensor], 1) as tf.Tensor2D)
          return weightedLoss(loss, pair, given as tf.Tensor1D, tf.tensor1d([...classWeights]))
        }
        const [gradient = tf.scalar(NaN)] = tf.grads(value)([z as tf.Tensor])
        const hits = tf.sum(tf.cast(tf.equal(tf.argMax(z as tf.Tensor2D, 1), given as tf.Tensor), 'float32'))
        return { loss: value(), gradient, hits }
      },
    })
  })

  it.each(readFixture('optimizers'))('optimizer: $name', async ({ optimizer, stepsPerEpoch, variables: weights, steps: [step] }) => {
    const rule = updateRule(optimizer)
    const variables = new Map<string, tf.Variable>()
    for (const [index, tensor] of weights.entries()) {
      variables.set(`w${index}`, tf.variable(tensorOf(tensor)))
      for (const [slot, initial] of Object.entries(rule.slots))
        variables.set(`w${index}/${slot}`, tf.variable(tf.fill([...tensor.shape], initial)))
    }
    const rates = rule.rates(learningRateAt(optimizer.learningRate, 0, stepsPerEpoch), 0)
    const device = await expectEqual({
      isFixed: true,
      variables,
      arguments: {
        ...Object.fromEntries((step?.gradients ?? []).map((gradient, index) => [`g${index}`, gradient])),
        ...Object.fromEntries(rates.map((rate, index) => [`rate${index}`, { shape: [], values: [rate] }])),
      },
      body: (inputs) => {
        const fed = rates.map((_, index) => inputs[`rate${index}`] as tf.Scalar)
        for (const index of weights.keys()) {
          const slots = Object.fromEntries(Object.keys(rule.slots).map((slot) => [slot, variables.get(`w${index}/${slot}`) as tf.Variable]))
          rule.update(variables.get(`w${index}`) as tf.Variable, slots, inputs[`g${index}`] as tf.Tensor, fed)
        }
        return { done: tf.clone(fed[0] as tf.Tensor) }
      },
    })
    for (const [index, after] of (step?.variables ?? []).entries())
      expect(largestDifference(device[`w${index}`] ?? [], after.values)).toBeLessThan(tolerance)
  })

  it.each(readFixture('augmentation'))('warp: $name', async ({ input, output, ...options }) => {
    const [height = 1, width = 1] = input.shape
    const transform = warpTransform({ ...options }, height, width)
    const device = await expectEqual({
      arguments: {
        images: { shape: [2, ...input.shape], values: [...input.values, ...input.values] },
        transforms: { shape: [2, 8], values: [...transform, ...transform] },
      },
      body: ({ images, transforms }) => ({ output: warp(images as tf.Tensor4D, transforms as tf.Tensor2D, options.fill) }),
    })
    expect(device['output']?.length).toBe(2 * output.values.length)
  })

  it.each(['nearest', 'reflect', 'wrap', 'constant'] as const)('warp: far beyond the image, %s', async (fill) => {
    const values = Array.from({ length: 2 * 7 * 5 * 3 }, (_, index) => (index * 37) % 256)
    // Turned, moved by several images' widths, and flipped.
    const transforms = [0.8, -0.6, 23.4, 0.7, 0.9, -31.7, 0, 0, -1, 0.1, -18.2, 0, -1.3, 40.9, 0, 0]
    await expectEqual({
      arguments: { images: { shape: [2, 7, 5, 3], values }, transforms: { shape: [2, 8], values: transforms } },
      body: ({ images, transforms: given }) => ({ output: warp(images as tf.Tensor4D, given as tf.Tensor2D, fill) }),
    })
  })

  it.each([
    [1, 2],
    [-1, 2],
    [1, -2],
    [-2147483648, 2147483647],
    [123456789, -987654321],
  ])('draws the words and floats of TensorFlow from seed %i, %i', async (first, second) => {
    for (const rate of [0.25, 0.3]) {
      const ones = { shape: [4, 5, 5, 3], values: new Array<number>(300).fill(1) }
      const { device, tensorflow } = await runBoth({
        arguments: { x: ones, seed: seeds(first, second) },
        body: ({ x, seed }) => ({ y: dropout(x as tf.Tensor, rate, seed as tf.Tensor1D) }),
      })
      expect(Array.from(device['y'] ?? [])).toEqual(Array.from(tensorflow['y'] ?? []))
      expect(Array.from(device['y'] ?? []).some((value) => value === 0)).toBe(true)
    }
  })

  it.each([
    { kind: 'dropout', rate: 0.5 },
    { kind: 'spatialDropout2d', rate: 0.25 },
    { kind: 'spatialDropout2d', rate: 0.3 },
  ] as const)('layer: $kind at $rate, forward and back', async ({ kind, rate }) => {
    const values = Array.from({ length: 4 * 6 * 6 * 5 }, (_, index) => Math.sin(index))
    const shape = [4, 6, 6, 5]
    await expectEqual({
      arguments: {
        x: { shape, values },
        g: { shape, values: values.map((value) => value * 3) },
        seeds: { shape: [1, 2], values: [7, -9], dtype: 'int32' },
      },
      body: ({ x, g, seeds: drawn }) => {
        const use = { seeds: drawn as tf.Tensor2D, isPortable: false }
        const run = (): tf.Tensor => forward(networkOf({ kind, name: 'drop', rate }), new Map(), x as tf.Tensor4D, use)
        return { y: run(), ...gradients(run, g as tf.Tensor, x as tf.Tensor, new Map()) }
      },
    })
  })

  it('has no lowering that nothing here asked for', () => {
    expect(loweredOperations.filter((operation) => !asked.has(operation))).toEqual([])
  })

  it('names the layer and the operation that it cannot run', async () => {
    const body: StepFunction['body'] = ({ x }) => inScope('dense_1', () => ({ y: tf.cumsum(x as tf.Tensor) }))
    await expect(runBoth({ arguments: { x: { shape: [4, 3], values: new Array<number>(12).fill(1) } }, body })).rejects.toThrow(
      /Cumsum of dense_1 cannot be compiled for the device: it has no lowering/,
    )
  })
})
