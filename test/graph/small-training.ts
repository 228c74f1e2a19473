/** A small CancerNet-like training to trace and run: separable convolutions, pooling, dropout, a dense layer of an odd size. */
import type { Layer, Optimizer } from '../../src/experiment/experiment.ts'
import { createModel, type Model } from '../../src/engine/model.ts'
import { dropoutSeeds, rateFeeds, warpTransforms } from '../../src/engine/feeds.ts'
import { imageTable, metricsStep, predictStep, trainStep } from '../../src/engine/steps.ts'
import type { Feed, Program, ProgramSource } from '../../src/graph/step-function.ts'
import { randomLayers } from '../../src/layers/forward.ts'
import type { Network } from '../../src/network/plan.ts'
import { planNetwork } from '../../src/network/plan-network.ts'
import { keyOf, uniforms } from '../../src/random/philox.ts'
import { experimentWith } from '../network/stack.ts'

const zeros = { kind: 'zeros' } as const
const glorot = { kind: 'glorotUniform' } as const
const convolution = {
  kernelSize: [3, 3],
  strides: [1, 1],
  padding: 'same',
  activation: 'relu',
  useBias: true,
  biasInitializer: zeros,
} as const
const separable = {
  ...convolution,
  kind: 'separableConv2d',
  depthMultiplier: 1,
  depthwiseInitializer: glorot,
  pointwiseInitializer: glorot,
  depthwiseL2: 0,
  pointwiseL2: 0.001,
} as const
const batchNorm = { kind: 'batchNormalization', momentum: 0.9, epsilon: 1e-3, center: true, scale: true } as const
const dense = { kind: 'dense', useBias: true, kernelInitializer: glorot, biasInitializer: zeros, kernelL2: 0 } as const

export const layers: readonly Layer[] = [
  { ...separable, name: 'separableConv2d_1', filters: 5 },
  { ...batchNorm, name: 'batchNormalization_1' },
  { kind: 'maxPooling2d', name: 'maxPooling2d_1', poolSize: [2, 2], strides: [2, 2], padding: 'valid' },
  { kind: 'dropout', name: 'dropout_1', rate: 0.25 },
  {
    ...convolution,
    kind: 'conv2d',
    name: 'conv2d_1',
    filters: 6,
    strides: [2, 2],
    padding: 'valid',
    kernelInitializer: glorot,
    kernelL2: 0,
  },
  { kind: 'spatialDropout2d', name: 'spatialDropout2d_1', rate: 0.3 },
  { kind: 'flatten', name: 'flatten_1' },
  { ...dense, name: 'dense_1', units: 10, activation: 'relu' },
  { ...batchNorm, name: 'batchNormalization_2' },
  { kind: 'dropout', name: 'dropout_2', rate: 0.5 },
  { ...dense, name: 'dense_2', units: 2, activation: 'softmax' },
]

const constant = { initial: 0.01, warmupEpochs: 0, curve: { kind: 'constant' } } as const
export const optimizers: readonly Optimizer[] = [
  { kind: 'adagrad', learningRate: constant, initialAccumulatorValue: 0.1, epsilon: 1e-7 },
  { kind: 'sgd', learningRate: constant, momentum: 0.9, nesterov: true },
  { kind: 'rmsprop', learningRate: constant, rho: 0.9, momentum: 0.5, epsilon: 1e-7, centered: true },
  { kind: 'adam', learningRate: constant, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
  { kind: 'adamw', learningRate: constant, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.004 },
]

export const rows = 40
export const imageShape = [12, 12, 3]
const augmentation = {
  rotation: 20,
  zoom: [0.05, 0.05],
  shift: { width: 0.1, height: 0.1 },
  shear: 5,
  flip: ['horizontal'],
  fill: 'nearest',
} as const

export function smallNetwork(): Network {
  const { value } = planNetwork(experimentWith(layers, { shape: imageShape, classes: 2 }))
  if (!value) throw new Error('the small network is at fault')
  return value
}

export function smallSource(optimizer: Optimizer, batchSizes: readonly number[]): { source: ProgramSource; model: Model } {
  const model = createModel(smallNetwork(), optimizer, 7)
  const options = { model, source: 'table', imageShape, batchSizes } as const
  const steps = [
    trainStep({ ...options, loss: 'binaryCrossentropy', classWeights: [1, 2.5], fill: 'nearest' }),
    predictStep(options),
    metricsStep(model),
  ]
  return { model, source: { variables: model.variables, table: { name: imageTable, dtype: 'uint8', shape: [rows, ...imageShape] }, steps } }
}

export function pixels(): Uint8Array {
  return Uint8Array.from(uniforms(keyOf(1, 'pixels'), rows * 12 * 12 * 3), (value) => value * 256)
}

/** Runs steps of the given batch sizes, in turn, with everything drawn as the engine draws it. */
export async function runSteps(
  program: Program,
  model: Model,
  optimizer: Optimizer,
  batches: readonly number[],
): Promise<Map<string, Float32Array>> {
  program.fillTable(0, pixels())
  for (const [t, batch] of batches.entries()) {
    const chosen = Int32Array.from({ length: batch }, (_, index) => (t * 7 + index * 3) % rows)
    const feeds: Record<string, Feed> = {
      rows: chosen,
      labels: chosen.map((row) => (row % 3 === 0 ? 1 : 0)),
      seeds: dropoutSeeds(randomLayers(model.network), 7, t),
      transforms: warpTransforms(augmentation, 7, 1, chosen, imageShape),
      ...rateFeeds(optimizer, model.rule, t, 10, 1).feeds,
    }
    await program.run('train', batch, feeds)
  }
  return program.read()
}
