/** Experiments that differ in their stack only. */
import type { Place } from '../../src/diagnostics/diagnostic.ts'
import type { Experiment, Layer, Located } from '../../src/experiment/experiment.ts'

export interface Images {
  /** [height, width, channels] */
  readonly shape: readonly number[]
  readonly classes: number
}

/** An experiment with the given stack, each layer at a place of its own: layer i at offset 100 · i. */
export function experimentWith(layers: readonly Layer[], { shape, classes }: Images): Located {
  const [height = 1, width = 1, channels] = shape
  const experiment: Experiment = {
    version: 1,
    name: 'stack',
    description: '',
    seed: 7,
    dataset: {
      root: 'datasets/none',
      rootAsWritten: 'datasets/none',
      isDefaultRoot: false,
      layout: '{class}/{*}.png',
      classes: Array.from({ length: classes }, (_, index) => ({ folder: `${index}`, name: `class ${index}` })),
      positive: classes === 2 ? 1 : null,
      image: { height, width, channels: channels === 1 ? 1 : 3 },
      whenMissing: 'error',
      synthetic: { patients: 20, patches: 1500 },
      onFault: { unreadable: 'error', oddSize: 'error', duplicate: 'keep', conflict: 'error' },
    },
    split: { kind: 'draw', by: 'image', test: 0.2, validation: 0.1, seed: 0, stratify: true, allowLeakage: null, fold: null },
    augmentation: null,
    model: { layers },
    loss: 'categoricalCrossentropy',
    optimizer: {
      kind: 'sgd',
      learningRate: { initial: 0.1, warmupEpochs: 0, curve: { kind: 'constant' } },
      momentum: 0,
      nesterov: false,
    },
    classWeights: { kind: 'none' },
    training: { epochs: 1, batchSize: 32, select: null, earlyStopping: null, onNonFinite: 'stop' },
    evaluation: { threshold: 0.5, batchSize: 32 },
    runtime: { device: 'cpu', precision: 'float32', backend: 'tensorflow', threads: 1, imageBudget: 1 },
    tracking: { experiment: 'stack', required: false, enabled: false, tags: {}, register: null },
    rules: {
      'softmax-twice': 'error',
      'bias-before-batch-norm': 'warning',
      'dropout-before-batch-norm': 'warning',
      'augmentation-moves-away': 'warning',
      'decay-kills-rate': 'warning',
      'batch-exceeds-training': 'warning',
      'batch-of-one': 'warning',
      'same-as-extended': 'note',
      'sweep-axis-changes-nothing': 'warning',
      'sweep-points-equal': 'warning',
      'sweep-when-idle': 'warning',
      'sweep-prunes-nothing': 'warning',
    },
  }
  const places = new Map<string, Place>(
    layers.map((_, index) => [`model.layers.${index}`, { file: 'stack.yaml', offset: 100 * index, length: 1 }]),
  )
  return { experiment, places, sources: new Map() }
}

const zeros = { kind: 'zeros' } as const
const glorotUniform = { kind: 'glorotUniform' } as const
const convolution = {
  kernelSize: [3, 3],
  strides: [1, 1],
  padding: 'valid',
  activation: 'linear',
  useBias: true,
  biasInitializer: zeros,
} as const

type Options<Kind extends Layer['kind']> = Partial<Extract<Layer, { readonly kind: Kind }>>

export function conv2d(filters: number, options: Options<'conv2d'> = {}): Layer {
  return { kind: 'conv2d', name: 'conv2d_1', filters, ...convolution, kernelInitializer: glorotUniform, kernelL2: 0, ...options }
}

export function depthwiseConv2d(options: Options<'depthwiseConv2d'> = {}): Layer {
  const own = { depthMultiplier: 1, depthwiseInitializer: glorotUniform, depthwiseL2: 0 }
  return { kind: 'depthwiseConv2d', name: 'depthwiseConv2d_1', ...convolution, ...own, ...options }
}

export function dense(units: number, options: Options<'dense'> = {}): Layer {
  const own = { activation: 'linear', useBias: true, kernelInitializer: glorotUniform, biasInitializer: zeros, kernelL2: 0 } as const
  return { kind: 'dense', name: 'dense_1', units, ...own, ...options }
}

export function maxPooling2d(size: number, name = 'maxPooling2d_1'): Layer {
  return { kind: 'maxPooling2d', name, poolSize: [size, size], strides: [size, size], padding: 'valid' }
}

export const flatten: Layer = { kind: 'flatten', name: 'flatten_1' }
