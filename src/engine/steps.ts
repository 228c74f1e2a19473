/** The steps of a training as plain tfjs functions: train on a batch, predict a batch, read the running metrics. */
import * as tf from '@tensorflow/tfjs-core'
import type { Loss } from '../experiment/experiment.ts'
import { gatherRows } from '../kernels/gather.ts'
import { pixelsToFloat, scalePixels, warp, type FillMode } from '../kernels/images.ts'
import { batchScalar, inScope } from '../kernels/tensorflow.ts'
import { exported, forward, prediction, randomLayers, type Variables } from '../layers/forward.ts'
import { l2Penalty, weightedLoss } from '../layers/losses.ts'
import { objective } from '../layers/objective.ts'
import type { Slots } from '../layers/optimizers.ts'
import type { Network } from '../network/plan.ts'
import type { Argument, StepFunction } from '../graph/step-function.ts'
import { correctCount, lossSum, slotName } from './first-values.ts'
import type { Model } from './model.ts'

/** Where a step's images come from: rows of the resident table, or pixels that are fed with every batch. */
export type ImageSource = 'table' | 'feed'
export const imageTable = 'images'

export interface StepOptions {
  readonly model: Model
  readonly source: ImageSource
  /** [height, width, channels] */
  readonly imageShape: readonly number[]
  readonly batchSizes: readonly number[]
}

function imageArgument({ source, imageShape }: Pick<StepOptions, 'source' | 'imageShape'>): Argument {
  return source === 'table'
    ? { name: 'rows', dtype: 'int32', shape: (batch) => [batch] }
    : { name: 'pixels', dtype: 'uint8', shape: (batch) => [batch, ...imageShape] }
}

type Inputs = Readonly<Record<string, tf.Tensor>>

function input(inputs: Inputs, name: string): tf.Tensor {
  const tensor = inputs[name]
  if (!tensor) throw new Error(`Internal error: the step was not given ${name}`)
  return tensor
}

/** float32 [batch, height, width, channels], 0 … 1; warped by the fed transforms where there is a fill mode. */
function images(inputs: Inputs, source: ImageSource, fill: FillMode | null): tf.Tensor4D {
  return inScope('images', () => {
    const bytes =
      source === 'feed'
        ? (input(inputs, 'pixels') as tf.Tensor4D)
        : gatherRows(input(inputs, imageTable) as tf.Tensor4D, input(inputs, 'rows') as tf.Tensor1D, 'uint8')
    const pixels = pixelsToFloat(bytes)
    return scalePixels(fill ? warp(pixels, input(inputs, 'transforms') as tf.Tensor2D, fill) : pixels)
  })
}

export interface TrainStepOptions extends StepOptions {
  readonly loss: Loss
  readonly classWeights: readonly number[]
  /** Fill mode of the warp, or null where nothing is moved. */
  readonly fill: FillMode | null
}

/**
 * One optimizer step. Feeds: `rows` or `pixels`, `labels` [b], `transforms` [b, 8] (with augmentation), `seeds` [random layers, 2],
 * `rate0` … as the update rule has them. Adds the batch's loss and hits to the running metrics. Fetches nothing but `done`.
 */
export function trainStep(options: TrainStepOptions): StepFunction {
  const { model, fill, classWeights } = options
  const { network, rule, variables } = model
  const loss = objective(options.loss, network.head)
  const rateNames = rule.rates(0, 0).map((_, index) => `rate${index}`)
  const randomCount = Math.max(1, randomLayers(network).length)
  const trainable = network.parameters.filter(({ isTrainable }) => isTrainable).map(({ name }) => name)
  const slotsOf = (name: string): Slots =>
    Object.fromEntries(Object.keys(rule.slots).map((slot) => [slot, variable(model, slotName(name, slot))]))
  return {
    name: 'train',
    isRepeatable: true,
    batchSizes: options.batchSizes,
    arguments: [
      imageArgument(options),
      { name: 'labels', dtype: 'int32', shape: (batch) => [batch] },
      ...(fill ? [{ name: 'transforms', dtype: 'float32', shape: (batch: number) => [batch, 8] } as const] : []),
      { name: 'seeds', dtype: 'int32', shape: () => [randomCount, 2] },
      ...rateNames.map((name) => ({ name, dtype: 'float32', shape: () => [] }) as const),
    ],
    body(inputs) {
      const x = images(inputs, options.source, fill)
      const labels = input(inputs, 'labels') as tf.Tensor1D
      let hits: tf.Tensor | null = null
      let dataLoss: tf.Scalar | null = null
      const { grads } = tf.variableGrads(
        () => {
          const logits = forward(network, variables, x, { seeds: input(inputs, 'seeds') as tf.Tensor2D, isPortable: false })
          return inScope('loss', () => {
            const weighted = weightedLoss(loss, logits, labels, tf.tensor1d([...classWeights]))
            hits = tf.keep(tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32')))
            dataLoss = tf.keep(tf.clone(weighted))
            const penalty = l2Penalty(network, variables)
            return penalty ? tf.add(weighted, penalty) : weighted
          })
        },
        trainable.map((name) => variable(model, name)),
      )
      const rates = rateNames.map((name) => input(inputs, name) as tf.Scalar)
      for (const name of trainable) {
        const weights = variable(model, name)
        const gradient = grads[weights.name]
        if (!gradient) throw new Error(`Internal error: no gradient for ${name}`)
        inScope('update', () => rule.update(weights, slotsOf(name), gradient, rates))
      }
      return { done: inScope('metrics', () => accumulate(model, hits, dataLoss, x.shape[0])) }
    },
  }
}

/** The running metrics are sums over images, so that batches of different sizes count as they should. */
function accumulate(model: Model, hits: tf.Tensor | null, loss: tf.Scalar | null, batch: number): tf.Tensor {
  if (!hits || !loss) throw new Error('Internal error: the forward pass did not run')
  const losses = variable(model, lossSum)
  const correct = variable(model, correctCount)
  losses.assign(
    tf.add(
      losses,
      tf.mul(
        loss,
        batchScalar(batch, (images) => images),
      ),
    ),
  )
  correct.assign(tf.add(correct, hits))
  const done = tf.clone(loss)
  tf.dispose([hits, loss])
  return done
}

/** Feeds: `rows` or `pixels`. Fetches `logits` [b, classes]. */
export function predictStep(options: Omit<StepOptions, 'model'> & { readonly model: Pick<Model, 'network' | 'variables'> }): StepFunction {
  const { network, variables } = options.model
  return {
    name: 'predict',
    isRepeatable: false,
    batchSizes: options.batchSizes,
    arguments: [imageArgument(options)],
    body: (inputs) => ({ logits: forward(network, variables, images(inputs, options.source, null), prediction) }),
  }
}

/** Images of any number, as a reader of the model has them. Feeds `pixels` uint8 [b, h, w, c]; fetches `probabilities` [b, classes]. */
export function serveStep(network: Network, variables: Variables): StepFunction {
  return {
    name: 'serve',
    isRepeatable: false,
    batchSizes: [],
    arguments: [{ name: 'pixels', dtype: 'uint8', shape: (batch) => [batch, ...network.inputShape] }],
    body: (inputs) => ({ probabilities: tf.softmax(forward(network, variables, images(inputs, 'feed', null), exported)) }),
  }
}

/** Fetches the sums of loss and hits since they were last set to zero. */
export function metricsStep(model: Model): StepFunction {
  return {
    name: 'metrics',
    isRepeatable: false,
    batchSizes: [1],
    arguments: [],
    body: () => ({ loss: tf.clone(variable(model, lossSum)), correct: tf.clone(variable(model, correctCount)) }),
  }
}

function variable(model: Model, name: string): tf.Variable {
  const found = model.variables.get(name)
  if (!found) throw new Error(`Internal error: no variable ${name}`)
  return found
}
