/**
 * What the engine's process will need, estimated from shapes alone. The factors were fitted to peaks of resident memory on Linux with
 * TensorFlow's CPU build; `npm run memory` measures again, and a test holds the estimate within 30 %.
 */
import type { Optimizer } from '../experiment/experiment.ts'
import { fusedGroups, isFusable, isKept } from './fusion.ts'
import { asImage, sizeOf } from './output-shape.ts'
import { countValues } from './parameters.ts'
import type { Network, PlannedLayer, Shape } from './plan.ts'

/** All in bytes. */
export interface MemoryEstimate {
  /** Weights and moving statistics, once. */
  readonly parameters: number
  /** What the optimizer keeps beside the weights, once. */
  readonly optimizer: number
  /** What the forward pass of one image keeps for the gradient. */
  readonly activations: number
  /** One training step: the activations of the batch, and the gradients on their way back. */
  readonly trainStep: number
  /** One evaluation step, which keeps nothing. */
  readonly evaluationStep: number
  readonly images: Images | null
  /** Highest resident memory of the engine: of a training with its evaluations, and of evaluating alone. */
  readonly peak: { readonly train: number; readonly evaluate: number }
}

/** The pixels of every image, one byte a value. */
export interface Images {
  readonly bytes: number
  /** Whether they stay in memory; else each batch is read ahead. */
  readonly isResident: boolean
}

export interface MemoryOptions {
  readonly optimizer: Optimizer
  readonly batchSize: number
  readonly evaluationBatchSize: number
  /** Null where they are not known: then they count for nothing. */
  readonly images: Images | null
}

const float = 4
const MiB = 2 ** 20

/** Node with TensorFlow loaded, and what every layer adds: its operations, their compiled kernels. */
const processBytes = 400 * MiB
const layerBytes = 2 * MiB
/** Times that weights and slots lie in memory: tfjs's variables, the graph's, and those on their way into a checkpoint. */
const copies = 4.5
/** What the C library cannot use again of what a step gave back. */
const fragmentation = 1.1

export function estimateMemory(network: Network, { optimizer, batchSize, evaluationBatchSize, images }: MemoryOptions): MemoryEstimate {
  const parameters = float * (network.trainable + network.nonTrainable)
  const trainable = float * network.trainable
  const slots = slotsOf(optimizer).length * trainable
  const trainStep = batchSize * trainBytes(network)
  const evaluationStep = evaluationBatchSize * evaluationBytes(network)
  const resident = images?.isResident === true ? images.bytes : 0
  const always = processBytes + layerBytes * network.layers.length + resident
  return {
    parameters,
    optimizer: slots,
    activations: costsOf(network).activations,
    trainStep,
    evaluationStep,
    images,
    peak: {
      train:
        always + copies * (parameters + slots) + updateValues[optimizer.kind] * trainable + fragmentation * (trainStep + evaluationStep),
      evaluate: always + copies * parameters + fragmentation * evaluationStep,
    },
  }
}

/** The largest power of two below the batch size with which the training's peak stays within that many bytes; null where none does. */
export function fittingBatchSize(network: Network, options: MemoryOptions, bytes: number): number | null {
  for (let batchSize = 2 ** Math.ceil(Math.log2(options.batchSize) - 1); batchSize >= 1; batchSize /= 2)
    if (estimateMemory(network, { ...options, batchSize }).peak.train <= bytes) return batchSize
  return null
}

/** Names of the values that an optimizer keeps beside each weight. */
export function slotsOf(optimizer: Optimizer): readonly string[] {
  switch (optimizer.kind) {
    case 'sgd':
      return optimizer.momentum > 0 ? ['velocity'] : []
    case 'adagrad':
      return ['accumulator']
    case 'rmsprop':
      return ['velocity', ...(optimizer.centered ? ['average'] : []), ...(optimizer.momentum > 0 ? ['momentum'] : [])]
    case 'adam':
    case 'adamw':
      return ['m', 'v']
  }
}

/** Values for each weight that tracing the update holds at once, its gradient among them. */
const updateValues = { sgd: 4, adagrad: 2, rmsprop: 16, adam: 13, adamw: 15 } satisfies Record<Optimizer['kind'], number>

/** In bytes, for each layer, what training keeps of one image for the gradient: its output, and what lies between its input and its output. */
export function activationBytes({ layers }: Pick<Network, 'layers'>): readonly number[] {
  return fusedGroups(layers).flatMap(groupActivationBytes)
}

/** Of layers that are one operation. */
function groupActivationBytes([first, second, third]: readonly [PlannedLayer, ...PlannedLayer[]]): readonly number[] {
  const bytes = float * sizeOf(first.outputShape)
  if (!second) return [isFusable(first.layer) ? bytes : layerActivationBytes(first)]
  if (!third) return [bytes, float * sizeOf(second.outputShape)]
  // The maxima, and what they were before the normalization.
  return [isKept(asImage(first.inputShape)?.[2] ?? 0) ? bytes : 0, 0, 2 * float * sizeOf(third.outputShape)]
}

function layerActivationBytes({ layer, inputShape, outputShape }: PlannedLayer): number {
  const values = sizeOf(outputShape)
  switch (layer.kind) {
    case 'separableConv2d':
      return float * (values + depthwiseValues(inputShape, outputShape, layer.depthMultiplier))
    case 'dropout':
      // A byte of the mask for each value.
      return layer.rate > 0 ? (float + 1) * values : 0
    case 'spatialDropout2d':
      return layer.rate > 0 ? float * values : 0
    case 'flatten':
      return 0
    case 'conv2d':
    case 'depthwiseConv2d':
    case 'dense':
    case 'batchNormalization':
    case 'maxPooling2d':
    case 'averagePooling2d':
    case 'globalMaxPooling2d':
    case 'globalAveragePooling2d':
    case 'activation':
    case 'leakyReLU':
      return float * values
  }
}

/** Between the two halves of a separable convolution. */
function depthwiseValues(input: Shape, output: Shape, depthMultiplier: number): number {
  const [height, width] = asImage(output) ?? [0, 0]
  return height * width * (asImage(input)?.[2] ?? 0) * depthMultiplier
}

/** The highest point on the way back: what is still kept up to an operation, the gradients of its output, twice, and of its input. */
function trainBytes(network: Network): number {
  let kept = float * sizeOf(network.inputShape)
  let highest = kept
  for (const group of fusedGroups(network.layers)) {
    kept += groupActivationBytes(group).reduce((sum, bytes) => sum + bytes, 0)
    highest = Math.max(highest, kept + float * (2 * sizeOf(group.at(-1)?.outputShape ?? []) + sizeOf(group[0].inputShape)))
  }
  return highest
}

/** The operation whose input and output together are largest. */
function evaluationBytes({ layers, inputShape }: Network): number {
  return Math.max(
    float * sizeOf(inputShape),
    ...fusedGroups(layers).map(([first, ...behind]) => {
      const isOne = behind.length > 0 || isFusable(first.layer)
      const output = isOne ? float * sizeOf(behind.at(-1)?.outputShape ?? first.outputShape) : layerActivationBytes(first)
      return float * sizeOf(first.inputShape) + output
    }),
  )
}

/** Of one image: multiply-adds forward, and bytes that are kept for the gradient, the image's own among them. */
export function costsOf(network: Network): { readonly multiplyAdds: number; readonly activations: number } {
  return {
    multiplyAdds: network.layers.reduce((sum, layer) => sum + layer.multiplyAdds, 0),
    activations: activationBytes(network).reduce((sum, bytes) => sum + bytes, float * sizeOf(network.inputShape)),
  }
}

/** Parameters of a layer that are trained, and those that are not. */
export function countTrainable({ parameters }: PlannedLayer): { readonly trainable: number; readonly nonTrainable: number } {
  const trainable = countValues(parameters.filter(({ isTrainable }) => isTrainable))
  return { trainable, nonTrainable: countValues(parameters) - trainable }
}
