/**
 * The experiment as the program reads it: every default filled in, every short form written out, every word that stands for a number
 * replaced by the number. Plain frozen data; `Located` keeps beside it where each value came from.
 */
import type { Rules } from './schema/advice.ts'
import type { Place } from '../diagnostics/diagnostic.ts'

export interface Experiment {
  readonly version: 1
  readonly name: string
  readonly description: string
  /** 0 … 2^53 - 1 */
  readonly seed: number
  readonly dataset: Dataset
  readonly split: Split
  /** Nothing is moved when null. */
  readonly augmentation: Augmentation | null
  readonly model: { readonly layers: readonly Layer[] }
  readonly loss: Loss
  readonly optimizer: Optimizer
  readonly classWeights: ClassWeights
  readonly training: Training
  readonly evaluation: Evaluation
  readonly runtime: Runtime
  readonly tracking: Tracking
  /** What each advice weighs; `off` holds the reason. */
  readonly rules: Rules
}

/** An experiment beside the place of each of its values, by dotted path (`model.layers.3.dropout.rate`, as the user wrote it). */
export interface Located {
  readonly experiment: Experiment
  readonly places: ReadonlyMap<string, Place>
  /** The text of every file that was read, by the name that places use. */
  readonly sources: ReadonlyMap<string, string>
}

export interface Dataset {
  /** As resolved from the file: absolute, or relative to the project's root. */
  readonly root: string
  /** The root as it stands in the file, before substitution: what may be logged. */
  readonly rootAsWritten: string
  /** True where the root is the default of `${NAME:-default}`: only then may `whenMissing: synthetic` step in. */
  readonly isDefaultRoot: boolean
  readonly layout: string
  readonly classes: readonly { readonly folder: string; readonly name: string }[]
  /** Index into `classes` of the positive class; null with more than two classes. */
  readonly positive: number | null
  readonly image: { readonly width: number; readonly height: number; readonly channels: 1 | 3 }
  readonly whenMissing: 'error' | 'synthetic'
  readonly synthetic: { readonly patients: number; readonly patches: number }
  readonly onFault: {
    readonly unreadable: 'error' | 'skip'
    readonly oddSize: 'resize' | 'skip' | 'error'
    readonly duplicate: 'keep' | 'skip' | 'error'
    readonly conflict: 'keep' | 'skip' | 'error'
  }
}

export type Split = { readonly kind: 'manifest'; readonly manifest: string } | { readonly kind: 'layout' } | DrawnSplit

export interface DrawnSplit {
  readonly kind: 'draw'
  /** The placeholder of the layout that is the group ("patient"), or "image". */
  readonly by: string
  /** Share of all images, 0 … 1. */
  readonly test: number
  /** Share of all images; a share of the training part has been multiplied out. With folds it decides nothing but who is in the test. */
  readonly validation: number
  /** What it is drawn from: the experiment's seed unless the file gives the split its own. */
  readonly seed: number
  readonly stratify: boolean
  /** The reason given for splitting by image although the layout has a group: tagged for ever. */
  readonly allowLeakage: string | null
  /** Null: validation is drawn once. */
  readonly fold: Fold | null
}

/** Of cross-validation: who validates. The test is what it is without folds, and everybody else trains. */
export interface Fold {
  /** From 1. */
  readonly number: number
  readonly of: number
}

/** Null where there are no folds. */
export function foldOf({ split }: Pick<Experiment, 'split'>): Fold | null {
  return split.kind === 'draw' ? split.fold : null
}

export interface Augmentation {
  /** Degrees, drawn from ± the value. */
  readonly rotation: number
  /** Factor drawn from [1 - zoom.in, 1 + zoom.out] per axis, as Keras does. */
  readonly zoom: readonly [number, number]
  /** Shares of width and height, drawn from ± the value. */
  readonly shift: { readonly width: number; readonly height: number }
  /** Degrees, drawn from ± the value. */
  readonly shear: number
  readonly flip: readonly ('horizontal' | 'vertical')[]
  readonly fill: 'nearest' | 'reflect' | 'wrap' | 'constant'
}

export type Activation = 'linear' | 'relu' | 'relu6' | 'leakyReLU' | 'elu' | 'selu' | 'sigmoid' | 'tanh' | 'softplus' | 'swish' | 'softmax'
export type Padding = 'same' | 'valid'
export type Pair = readonly [number, number]

export type Initializer =
  | { readonly kind: 'zeros' | 'ones' | 'glorotUniform' | 'glorotNormal' | 'heUniform' | 'heNormal' | 'lecunUniform' | 'lecunNormal' }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'randomUniform'; readonly minval: number; readonly maxval: number }
  | { readonly kind: 'randomNormal' | 'truncatedNormal'; readonly mean: number; readonly stddev: number }

interface Named {
  /** The layer's id in the file, or its kind and number ("separableConv2d_3"): keys of random numbers and checkpoints. */
  readonly name: string
}

interface Convolution extends Named {
  readonly kernelSize: Pair
  readonly strides: Pair
  readonly padding: Padding
  readonly activation: Activation
  readonly useBias: boolean
  readonly biasInitializer: Initializer
}

export interface Conv2d extends Convolution {
  readonly kind: 'conv2d'
  readonly filters: number
  readonly kernelInitializer: Initializer
  /** L2 factor; 0 is none. The loss gains l2 * sum(w²), as in Keras. */
  readonly kernelL2: number
}
export interface SeparableConv2d extends Convolution {
  readonly kind: 'separableConv2d'
  readonly filters: number
  readonly depthMultiplier: number
  readonly depthwiseInitializer: Initializer
  readonly pointwiseInitializer: Initializer
  readonly depthwiseL2: number
  readonly pointwiseL2: number
}
export interface DepthwiseConv2d extends Convolution {
  readonly kind: 'depthwiseConv2d'
  readonly depthMultiplier: number
  readonly depthwiseInitializer: Initializer
  readonly depthwiseL2: number
}
export interface Dense extends Named {
  readonly kind: 'dense'
  readonly units: number
  readonly activation: Activation
  readonly useBias: boolean
  readonly kernelInitializer: Initializer
  readonly biasInitializer: Initializer
  readonly kernelL2: number
}
export interface BatchNormalization extends Named {
  readonly kind: 'batchNormalization'
  readonly momentum: number
  readonly epsilon: number
  readonly center: boolean
  readonly scale: boolean
}
export interface Pooling2d extends Named {
  readonly kind: 'maxPooling2d' | 'averagePooling2d'
  readonly poolSize: Pair
  readonly strides: Pair
  readonly padding: Padding
}
export interface GlobalPooling2d extends Named {
  readonly kind: 'globalMaxPooling2d' | 'globalAveragePooling2d'
}
export interface Dropout extends Named {
  readonly kind: 'dropout' | 'spatialDropout2d'
  /** Share of the inputs (or of the channels) set to 0, in [0, 1). */
  readonly rate: number
}
export interface Flatten extends Named {
  readonly kind: 'flatten'
}
export interface ActivationLayer extends Named {
  readonly kind: 'activation'
  readonly activation: Activation
}
export interface LeakyReLU extends Named {
  readonly kind: 'leakyReLU'
  readonly alpha: number
}

export type Layer =
  | Conv2d
  | SeparableConv2d
  | DepthwiseConv2d
  | Dense
  | BatchNormalization
  | Pooling2d
  | GlobalPooling2d
  | Dropout
  | Flatten
  | ActivationLayer
  | LeakyReLU
export type LayerKind = Layer['kind']

/**
 * Of the probabilities: binary, the mean over both outputs, and categorical; over two classes they are the same. `sigmoidCrossentropy` is the
 * mean over the outputs of the cross-entropy of each logit's own sigmoid: what Keras 3 on TensorFlow trains with when it is asked for
 * binary_crossentropy of a softmax, whose logits it finds behind the probabilities.
 */
export type Loss = 'binaryCrossentropy' | 'categoricalCrossentropy' | 'sigmoidCrossentropy'

/** Learning rate as a function of the optimizer's step, t from 0. Epochs are those planned when the run began. */
export interface Schedule {
  readonly initial: number
  /** Linear from 0 over this many epochs before the curve begins; 0 is none. */
  readonly warmupEpochs: number
  readonly curve:
    | { readonly kind: 'constant' }
    /** lr / (1 + decay · t) */
    | { readonly kind: 'inverseTimeDecay'; readonly decay: number }
    /** From initial to final over `epochs`, then final. */
    | { readonly kind: 'cosine'; readonly final: number; readonly epochs: number }
    /** Multiplied by `factor` every `epochs`. */
    | { readonly kind: 'step'; readonly factor: number; readonly epochs: number }
}

export type Optimizer =
  | { readonly kind: 'sgd'; readonly learningRate: Schedule; readonly momentum: number; readonly nesterov: boolean }
  | { readonly kind: 'adagrad'; readonly learningRate: Schedule; readonly initialAccumulatorValue: number; readonly epsilon: number }
  | {
      readonly kind: 'rmsprop'
      readonly learningRate: Schedule
      readonly rho: number
      readonly momentum: number
      readonly epsilon: number
      readonly centered: boolean
    }
  | { readonly kind: 'adam'; readonly learningRate: Schedule; readonly beta1: number; readonly beta2: number; readonly epsilon: number }
  | {
      readonly kind: 'adamw'
      readonly learningRate: Schedule
      readonly beta1: number
      readonly beta2: number
      readonly epsilon: number
      readonly weightDecay: number
    }

export type ClassWeights =
  { readonly kind: 'none' | 'balanced' | 'maxRatio' } | { readonly kind: 'explicit'; readonly weights: readonly number[] }

export interface Selection {
  /** A metric logged every epoch, such as "val/balanced_accuracy". Never a test metric. */
  readonly metric: string
  readonly goal: 'maximize' | 'minimize'
}

export interface Training {
  readonly epochs: number
  readonly batchSize: number
  /** Null: the last epoch's weights are the run's weights. */
  readonly select: Selection | null
  readonly earlyStopping: (Selection & { readonly patience: number; readonly minDelta: number }) | null
  /** When the loss is no number: give up, or go back to the last checkpoint at half the learning rate. */
  readonly onNonFinite: 'stop' | 'restoreAndHalveRate'
}

/** A probability, or how one is chosen on validation: by the named criterion, or for the highest sensitivity with at least that specificity. */
export type ThresholdRule = number | 'maxBalancedAccuracy' | 'youden' | { readonly atSpecificity: number }

export interface Evaluation {
  /** Always applied to test unchanged. */
  readonly threshold: ThresholdRule
  readonly batchSize: number
}

export interface Runtime {
  readonly device: 'auto' | 'cpu' | 'gpu'
  /** How exactly a GPU computes; the CPU knows float32 only. */
  readonly precision: 'float32' | 'tf32' | 'bfloat16'
  readonly backend: 'tensorflow'
  /** Threads of TensorFlow's operations; null: as many as the machine has cores. */
  readonly threads: number | null
  /** Bytes of images that may stay resident. */
  readonly imageBudget: number
}

export interface Tracking {
  readonly experiment: string
  /** A tracking server that fails is a fault instead of a warning. */
  readonly required: boolean
  readonly enabled: boolean
  readonly tags: Readonly<Record<string, string>>
  /** The name under which the model of a finished run is registered in MLflow, and the alias that points to its version then. */
  readonly register: { readonly name: string; readonly alias: string | null } | null
}
