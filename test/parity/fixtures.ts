/** Reads what Keras computed; README.md says what the files hold. */
import { readFileSync } from 'node:fs'
import type { Augmentation, BatchNormalization, Initializer, Layer, Loss, Optimizer, Schedule } from '../../src/experiment/experiment.ts'
import type { Network, Parameter } from '../../src/network/plan.ts'

export interface FixtureTensor {
  readonly shape: readonly number[]
  readonly values: readonly number[]
}

export interface NetworkCase {
  readonly name: string
  readonly inputShape: readonly number[]
  readonly layers: readonly Layer[]
  readonly planned: readonly {
    readonly outputShape: readonly number[]
    readonly count: number
    readonly parameters: readonly {
      readonly role: Parameter['role']
      readonly shape: readonly number[]
      readonly fans: readonly [number, number]
      readonly isTrainable: boolean
    }[]
  }[]
  readonly total: number
  readonly trainable: number
}

export interface ScheduleCase {
  readonly name: string
  readonly schedule: Schedule
  readonly stepsPerEpoch: number
  readonly steps: readonly number[]
  readonly learningRates: readonly number[]
}

export interface InitializerCase {
  readonly name: string
  readonly initializer: Initializer
  readonly shape: readonly number[]
  readonly mean: number
  readonly stddev: number
  readonly minimum: number
  readonly maximum: number
}

/** By role, or by `<layer>/<role>` in whole networks. */
export type FixtureParameters = Readonly<Record<string, FixtureTensor>>

export interface TrainingCase {
  readonly name: string
  readonly inputShape: readonly number[]
  readonly classes: number
  readonly layers: readonly Layer[]
  readonly loss: Loss
  readonly head: Network['head']
  readonly classWeights: readonly number[]
  readonly optimizer: Optimizer
  readonly stepsPerEpoch: number
  readonly parameters: FixtureParameters
  readonly steps: readonly {
    readonly images: FixtureTensor
    readonly labels: readonly number[]
    readonly loss: number
    readonly parameters: FixtureParameters
  }[]
  readonly predictions: FixtureTensor
}

export interface LayerCase {
  readonly name: string
  readonly layer: Layer
  readonly parameters: FixtureParameters
  readonly input: FixtureTensor
  readonly output: FixtureTensor
  readonly outputGradient: FixtureTensor
  readonly inputGradient: FixtureTensor
  readonly parameterGradients: FixtureParameters
}

export interface BatchNormalizationCase {
  readonly name: string
  readonly layer: BatchNormalization
  readonly parameters: FixtureParameters
  readonly batches: readonly {
    readonly input: FixtureTensor
    readonly output: FixtureTensor
    readonly outputGradient: FixtureTensor
    readonly inputGradient: FixtureTensor
    readonly parameterGradients: FixtureParameters
    readonly movingMean: FixtureTensor
    readonly movingVariance: FixtureTensor
  }[]
  readonly inference: { readonly input: FixtureTensor; readonly output: FixtureTensor }
}

export interface LossCase {
  readonly name: string
  readonly loss: Loss
  readonly head: Network['head']
  readonly classes: number
  readonly classWeights: readonly number[]
  readonly logits: FixtureTensor
  readonly labels: readonly number[]
  readonly value: number
  readonly logitsGradient: FixtureTensor
  /** What Keras trains with instead: see README.md. */
  readonly kerasFromHiddenLogits?: { readonly value: number; readonly logitsGradient: FixtureTensor }
}

export interface OptimizerCase {
  readonly name: string
  readonly optimizer: Optimizer
  readonly stepsPerEpoch: number
  readonly variables: readonly FixtureTensor[]
  readonly steps: readonly { readonly gradients: readonly FixtureTensor[]; readonly variables: readonly FixtureTensor[] }[]
}

export interface AugmentationCase {
  readonly name: string
  /** Degrees. */
  readonly theta: number
  readonly shear: number
  /** Columns. */
  readonly tx: number
  /** Rows. */
  readonly ty: number
  readonly zx: number
  readonly zy: number
  readonly flipHorizontal: boolean
  readonly flipVertical: boolean
  readonly fill: Augmentation['fill']
  readonly input: FixtureTensor
  readonly output: FixtureTensor
}

interface Files {
  readonly layers: LayerCase
  readonly 'batch-normalization': BatchNormalizationCase
  readonly losses: LossCase
  readonly optimizers: OptimizerCase
  readonly trainings: TrainingCase
  readonly schedules: ScheduleCase
  readonly augmentation: AugmentationCase
  readonly networks: NetworkCase
  readonly initializers: InitializerCase
}

export function readFixture<Name extends keyof Files>(name: Name): readonly Files[Name][] {
  const path = new URL(`fixtures/${name}.json`, import.meta.url)
  const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { readonly cases: readonly Files[Name][] }
  return cases
}
