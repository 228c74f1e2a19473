/** Layers, losses, optimizers, augmentation and whole trainings against what Keras computed (test/parity). */
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Layer, Loss } from '../../src/experiment/experiment.ts'
import { releaseGradients } from '../../src/kernels/kept.ts'
import { warp } from '../../src/kernels/images.ts'
import { warpTransform } from '../../src/layers/augmentation.ts'
import { forward, prediction } from '../../src/layers/forward.ts'
import { l2Penalty, weightedLoss } from '../../src/layers/losses.ts'
import { updateRule, type Slots } from '../../src/layers/optimizers.ts'
import type { Network, PlannedLayer } from '../../src/network/plan.ts'
import { planNetwork } from '../../src/network/plan-network.ts'
import { learningRateAt } from '../../src/network/schedule.ts'
import { experimentWith } from '../network/stack.ts'
import { readFixture, type FixtureParameters, type LossCase, type TrainingCase } from '../parity/fixtures.ts'
import { largestDifference, loadTensorflow, tensorOf } from '../tfjs.ts'

const tolerance = 1e-4
/** Weights that pass through zero are compared to this share of their tensor's largest. */
const nearZero = 0.02

/** tfjs's own cpu backend counts the padding into the gradient of an average. */
const wrongInTfjs = /^averagePooling2d.*same/

beforeAll(() => loadTensorflow({ onednn: false }))

/** A network of one layer, whose output is its logits. */
function networkOf(layer: Layer): Network {
  const planned: PlannedLayer = { layer, inputShape: [], outputShape: [], parameters: [], multiplyAdds: 0 }
  return { inputShape: [], classes: 0, layers: [planned], parameters: [], head: 'softmax', trainable: 0, nonTrainable: 0 }
}

function variablesOf(parameters: FixtureParameters, prefix: string, isTrainable: (role: string) => boolean): Map<string, tf.Variable> {
  return new Map(
    Object.entries(parameters).map(([role, tensor]) => [prefix + role, tf.tidy(() => tf.variable(tensorOf(tensor), isTrainable(role)))]),
  )
}

describe.each([
  // Keras's kernels are TensorFlow's; ours sum in another order, and each step of a training builds on the one before.
  { backend: 'tensorflow', operations: 'tensorflow', afterTraining: tolerance },
  { backend: 'tensorflow', operations: '', afterTraining: 5 * tolerance },
  // tfjs's cpu backend sums one number after the other, in single precision.
  { backend: 'cpu', operations: 'tensorflow', afterTraining: 2 * tolerance },
])('on the $backend backend, RUNNER_OPERATIONS "$operations"', ({ backend, operations, afterTraining }) => {
  beforeAll(async () => {
    vi.stubEnv('RUNNER_OPERATIONS', operations)
    await tf.setBackend(backend)
  })
  afterAll(() => {
    vi.unstubAllEnvs()
  })
  let tensors = 0
  afterEach(() => {
    releaseGradients()
    tf.disposeVariables()
    tensors = tf.memory().numTensors
  })

  it.each(readFixture('layers').filter(({ name }) => !(backend === 'cpu' && wrongInTfjs.test(name))))(
    'layer: $name',
    ({ layer, parameters, input, output, outputGradient, inputGradient, parameterGradients }) => {
      tf.tidy(() => {
        const variables = variablesOf(parameters, `${layer.name}/`, () => true)
        const network = networkOf(layer)
        const x = tf.variable(tensorOf(input))
        const run = (): tf.Tensor => forward(network, variables, x as tf.Tensor as tf.Tensor4D, prediction)
        expect(largestDifference(run().dataSync(), output.values)).toBeLessThan(tolerance)
        const { grads } = tf.variableGrads(() => tf.sum(tf.mul(run(), tensorOf(outputGradient))), [x, ...variables.values()])
        expect(largestDifference(grads[x.name]?.dataSync() ?? [], inputGradient.values)).toBeLessThan(tolerance)
        for (const [role, gradient] of Object.entries(parameterGradients)) {
          const variable = variables.get(`${layer.name}/${role}`)
          expect(largestDifference(grads[variable?.name ?? '']?.dataSync() ?? [], gradient.values), role).toBeLessThan(tolerance)
        }
      })
    },
  )

  it.each(readFixture('batch-normalization'))('batch normalization: $name', ({ layer, parameters, batches, inference }) => {
    tf.tidy(() => {
      const moving = (role: string): boolean => role.startsWith('moving')
      const variables = variablesOf(parameters, `${layer.name}/`, (role) => !moving(role))
      const network = networkOf(layer)
      const noSeeds = tf.zeros<tf.Rank.R2>([1, 2], 'int32')
      for (const batch of batches) {
        const x = tf.variable(tensorOf(batch.input))
        const learned = [...variables].filter(([name]) => !moving(name.split('/')[1] ?? '')).map(([, variable]) => variable)
        let output: tf.Tensor | null = null
        const { grads } = tf.variableGrads(() => {
          output = tf.keep(forward(network, variables, x as tf.Tensor as tf.Tensor4D, { seeds: noSeeds, isPortable: false }))
          return tf.sum(tf.mul(output, tensorOf(batch.outputGradient)))
        }, [x, ...learned])
        const kept = output as tf.Tensor | null
        expect(largestDifference(kept?.dataSync() ?? [], batch.output.values)).toBeLessThan(tolerance)
        kept?.dispose()
        expect(largestDifference(grads[x.name]?.dataSync() ?? [], batch.inputGradient.values)).toBeLessThan(tolerance)
        for (const [role, gradient] of Object.entries(batch.parameterGradients)) {
          const variable = variables.get(`${layer.name}/${role}`)
          expect(largestDifference(grads[variable?.name ?? '']?.dataSync() ?? [], gradient.values), role).toBeLessThan(tolerance)
        }
        const read = (role: string): ArrayLike<number> => variables.get(`${layer.name}/${role}`)?.dataSync() ?? []
        expect(largestDifference(read('moving_mean'), batch.movingMean.values)).toBeLessThan(tolerance)
        expect(largestDifference(read('moving_variance'), batch.movingVariance.values)).toBeLessThan(tolerance)
      }
      const output = forward(network, variables, tensorOf(inference.input) as tf.Tensor4D, prediction)
      expect(largestDifference(output.dataSync(), inference.output.values)).toBeLessThan(tolerance)
    })
  })

  it.each(readFixture('losses'))('loss: $name', ({ loss, head, classWeights, logits, labels, kerasFromHiddenLogits, ...defined }) => {
    const check = (kind: Loss, expected: Pick<LossCase, 'value' | 'logitsGradient'>): void =>
      tf.tidy(() => {
        const z = tf.variable(tensorOf(logits))
        const { value, grads } = tf.variableGrads(() => {
          const pair = head === 'softmax' ? z : tf.concat([tf.zerosLike(z), z], 1)
          return weightedLoss(kind, pair as tf.Tensor2D, tf.tensor1d([...labels], 'int32'), tf.tensor1d([...classWeights]))
        }, [z])
        expect(largestDifference(value.dataSync(), [expected.value])).toBeLessThan(tolerance)
        expect(largestDifference(grads[z.name]?.dataSync() ?? [], expected.logitsGradient.values)).toBeLessThan(tolerance)
      })
    check(loss, defined)
    if (kerasFromHiddenLogits && head === 'softmax') check('sigmoidCrossentropy', kerasFromHiddenLogits)
  })

  it.each(readFixture('optimizers'))('optimizer: $name', ({ optimizer, stepsPerEpoch, variables, steps }) => {
    tf.tidy(() => {
      const rule = updateRule(optimizer)
      const weights = variables.map((tensor) => tf.variable(tensorOf(tensor)))
      const slots = weights.map((weight) => slotsFor(rule.slots, weight))
      for (const [t, step] of steps.entries()) {
        const rates = rule.rates(learningRateAt(optimizer.learningRate, t, stepsPerEpoch), t).map((rate) => tf.scalar(rate))
        for (const [index, weight] of weights.entries()) {
          const gradient = step.gradients[index]
          if (gradient) rule.update(weight, slots[index] ?? {}, tensorOf(gradient), rates)
          expect(largestDifference(weight.dataSync(), step.variables[index]?.values ?? [])).toBeLessThan(tolerance)
        }
      }
    })
  })

  it.each(readFixture('trainings'))('a whole training: $name', (training) => {
    tf.tidy(() => {
      const { network, variables } = networkFor(training)
      const rule = updateRule(training.optimizer)
      const trainable = network.parameters.filter(({ isTrainable }) => isTrainable).map(({ name }) => name)
      const slots = new Map(trainable.map((name) => [name, slotsFor(rule.slots, variableOf(variables, name))]))
      const noSeeds = tf.zeros<tf.Rank.R2>([1, 2], 'int32')
      for (const [t, step] of training.steps.entries()) {
        const x = tensorOf(step.images) as tf.Tensor4D
        const labels = tf.tensor1d([...step.labels], 'int32')
        const { value: loss, grads } = tf.variableGrads(
          () => {
            const data = weightedLoss(
              training.loss,
              forward(network, variables, x, { seeds: noSeeds, isPortable: false }),
              labels,
              tf.tensor1d([...training.classWeights]),
            )
            const penalty = l2Penalty(network, variables)
            return penalty ? tf.add(data, penalty) : data
          },
          trainable.map((name) => variableOf(variables, name)),
        )
        const rates = rule
          .rates(learningRateAt(training.optimizer.learningRate, t, training.stepsPerEpoch), t)
          .map((rate) => tf.scalar(rate))
        for (const name of trainable) {
          const weight = variableOf(variables, name)
          const gradient = grads[weight.name]
          if (gradient) rule.update(weight, slots.get(name) ?? {}, gradient, rates)
        }
        expect(largestDifference(loss.dataSync(), [step.loss])).toBeLessThan(tolerance)
        for (const [name, expected] of Object.entries(step.parameters))
          expect(
            largestDifference(variableOf(variables, name).dataSync(), expected.values, nearZero),
            `${name} after step ${t}`,
          ).toBeLessThan(afterTraining)
      }
      const last = training.steps.at(-1)
      if (!last) throw new Error('no steps')
      const logits = forward(network, variables, tensorOf(last.images) as tf.Tensor4D, prediction)
      const probabilities = training.head === 'softmax' ? tf.softmax(logits) : tf.slice(tf.softmax(logits), [0, 1], [-1, 1])
      expect(largestDifference(probabilities.dataSync(), training.predictions.values)).toBeLessThan(10 * tolerance)
    })
  })

  it('leaves no tensor behind', () => {
    expect(tensors).toBe(0)
  })
})

function slotsFor(initial: Readonly<Record<string, number>>, weight: tf.Variable): Slots {
  return Object.fromEntries(Object.entries(initial).map(([name, value]) => [name, tf.variable(tf.fill(weight.shape, value), false)]))
}

function variableOf(variables: ReadonlyMap<string, tf.Variable>, name: string): tf.Variable {
  const variable = variables.get(name)
  if (!variable) throw new Error(`no ${name}`)
  return variable
}

function networkFor(training: TrainingCase): { network: Network; variables: Map<string, tf.Variable> } {
  const located = experimentWith(training.layers, { shape: training.inputShape, classes: training.classes })
  const { value: network, diagnostics } = planNetwork(located)
  if (!network) throw new Error(JSON.stringify(diagnostics))
  const trainable = new Set(network.parameters.filter(({ isTrainable }) => isTrainable).map(({ name }) => name))
  return { network, variables: variablesOf(training.parameters, '', (name) => trainable.has(name)) }
}

describe('augmentation on TensorFlow', () => {
  beforeAll(async () => {
    await tf.setBackend('tensorflow')
  })

  it.each(readFixture('augmentation'))(
    "moves pixels as Keras's apply_affine_transform: $name",
    ({ input, output, fill, ...parameters }) => {
      const [height = 0, width = 0, channels = 0] = input.shape
      // Keras exchanges the centre's coordinates, which shows on pictures that are not square.
      const transform = warpTransform(parameters, height, width, [(height - 1) / 2, (width - 1) / 2])
      const moved = tf.tidy(() => {
        const image = tf.expandDims(tensorOf(input), 0)
        return warp(image as tf.Tensor4D, tf.tensor2d(transform, [1, 8]), fill).dataSync()
      })
      // Interpolated in single precision here and in double there: some thousandths of a grey level. Beyond the edge, `wrap` and `constant`
      // are other functions in SciPy than in TensorFlow, so these two are compared where the picture itself is read.
      const isEverywhere = fill === 'nearest' || fill === 'reflect'
      const far = Array.from(moved).filter((value, index) => {
        const column = Math.floor(index / channels) % width
        const row = Math.floor(index / channels / width)
        const [a = 0, b = 0, e = 0, c = 0, d = 0, f = 0] = transform
        const [x, y] = [a * column + b * row + e, c * column + d * row + f]
        const isInside = x >= 0 && y >= 0 && x <= width - 1 && y <= height - 1
        return (isEverywhere || isInside) && !(Math.abs(value - (output.values[index] ?? NaN)) < 0.05)
      })
      expect(far).toEqual([])
    },
  )
})
