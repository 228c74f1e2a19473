/** The network as one tfjs function: images to logits. */
import * as tf from '@tensorflow/tfjs-core'
import type { Layer, Pooling2d } from '../experiment/experiment.ts'
import { dropout } from '../kernels/dropout.ts'
import { hasNativeOperations, inScope } from '../kernels/tensorflow.ts'
import { fusedGroups } from '../network/fusion.ts'
import type { Network } from '../network/plan.ts'
import { activate } from './activations.ts'
import { batchNormalization } from './batch-normalization.ts'
import { conv2d, depthwiseConv2d, normalizedSeparableConv2d, separableConv2d } from './convolutions.ts'
import { dense } from './dense.ts'
import type { LayerPass } from './layer-pass.ts'

export type Variables = ReadonlyMap<string, tf.Variable>

type OfKind<Kind, Candidate = Layer> = Candidate extends Layer ? (Kind extends Candidate['kind'] ? Candidate : never) : never
type Kinds = { [Kind in Layer['kind']]: (x: tf.Tensor, layer: OfKind<Kind>, pass: LayerPass) => tf.Tensor }

const pool = (x: tf.Tensor, layer: Pooling2d, run: typeof tf.maxPool): tf.Tensor =>
  run(x as tf.Tensor4D, [...layer.poolSize], [...layer.strides], layer.padding)

const kinds: Kinds = {
  conv2d: (x, layer, pass) => conv2d(x as tf.Tensor4D, layer, pass),
  separableConv2d: (x, layer, pass) => separableConv2d(x as tf.Tensor4D, layer, pass),
  depthwiseConv2d: (x, layer, pass) => depthwiseConv2d(x as tf.Tensor4D, layer, pass),
  dense: (x, layer, pass) => dense(x as tf.Tensor2D, layer, pass),
  batchNormalization,
  maxPooling2d: (x, layer) => pool(x, layer, tf.maxPool),
  averagePooling2d: (x, layer) => pool(x, layer, tf.avgPool),
  globalMaxPooling2d: (x) => tf.max(x, [1, 2]),
  globalAveragePooling2d: (x) => tf.mean(x, [1, 2]),
  dropout: (x, layer, pass) => (pass.isTraining && layer.rate > 0 ? dropout(x, layer.rate, pass.seed()) : x),
  spatialDropout2d: (x, layer, pass) =>
    pass.isTraining && layer.rate > 0 ? dropout(x, layer.rate, pass.seed(), [x.shape[0], 1, 1, x.shape[3] ?? 1]) : x,
  flatten: (x) => tf.reshape(x, [x.shape[0], x.size / x.shape[0]]),
  activation: (x, layer) => activate(x, layer.activation),
  leakyReLU: (x, layer) => tf.leakyRelu(x, layer.alpha),
}

function apply(x: tf.Tensor, layer: Layer, pass: LayerPass): tf.Tensor {
  const run = kinds[layer.kind] as (x: tf.Tensor, layer: Layer, pass: LayerPass) => tf.Tensor
  return run(x, layer, pass)
}

/** Layers that draw random numbers while training, in order: row i of the seeds belongs to the i-th of them. */
export function randomLayers(network: Network): readonly string[] {
  return network.layers
    .map(({ layer }) => layer)
    .filter((layer) => (layer.kind === 'dropout' || layer.kind === 'spatialDropout2d') && layer.rate > 0)
    .map((layer) => layer.name)
}

export interface Use {
  /** int32 [random layers, 2]; null where nothing is trained. */
  readonly seeds: tf.Tensor2D | null
  /** Whether the graph is to run elsewhere, and so may need no operation of native/. */
  readonly isPortable: boolean
}

export const prediction: Use = { seeds: null, isPortable: false }
export const exported: Use = { seeds: null, isPortable: true }

/**
 * images [batch, height, width, channels] in 0 … 1 -> logits [batch, classes]. A sigmoid unit z becomes the pair (0, z), whose softmax is
 * (1 - sigmoid(z), sigmoid(z)), so that everything downstream sees classes.
 */
export function forward(network: Network, variables: Variables, images: tf.Tensor4D, { seeds, isPortable }: Use): tf.Tensor2D {
  const random = randomLayers(network)
  const isNative = !isPortable && hasNativeOperations()
  const passOf = (layer: Layer): LayerPass => {
    const name = (role: string): string => `${layer.name}/${role}`
    return {
      isTraining: seeds !== null,
      isNative,
      has: (role) => variables.has(name(role)),
      variable: (role) => {
        const variable = variables.get(name(role))
        if (!variable) throw new Error(`Internal error: no variable ${name(role)}`)
        return variable
      },
      seed: () => {
        if (!seeds) throw new Error('Internal error: a random layer without seeds')
        return tf.reshape(tf.slice(seeds, [random.indexOf(layer.name), 0], [1, 2]), [2])
      },
    }
  }
  const groups = isNative ? fusedGroups(network.layers) : network.layers.map((planned) => [planned])
  let x: tf.Tensor = images
  for (const group of groups) {
    const [layer, next] = group.map((planned) => planned.layer)
    if (layer?.kind === 'separableConv2d' && next?.kind === 'batchNormalization')
      x = normalizedSeparableConv2d(x as tf.Tensor4D, [layer, passOf(layer)], [next, passOf(next)], group.length === 3)
    else if (layer) x = inScope(layer.name, () => apply(x, layer, passOf(layer)))
  }
  if (network.head === 'softmax') return x as tf.Tensor2D
  return tf.concat([tf.zerosLike(x), x], 1) as tf.Tensor2D
}
