/** The update rule with its learning rate as one schedule. */
import type { Optimizer, Schedule } from './experiment.ts'
import type { Written } from './schema/experiment-schema.ts'

type WrittenOptimizer = Written['optimizer']
type WrittenRate = Pick<NonNullable<WrittenOptimizer['sgd']>, 'learningRate' | 'decay'>
type WrittenDecay = WrittenRate['decay']

/** Curves and `perEpochs` refer to the planned epochs. */
export function normaliseOptimizer({ sgd, adagrad, rmsprop, adam, adamw }: WrittenOptimizer, epochs: number): Optimizer {
  if (sgd) return { kind: 'sgd', ...withSchedule(sgd, epochs) }
  if (adagrad) return { kind: 'adagrad', ...withSchedule(adagrad, epochs) }
  if (rmsprop) return { kind: 'rmsprop', ...withSchedule(rmsprop, epochs) }
  if (adam) return { kind: 'adam', ...withSchedule(adam, epochs) }
  if (adamw) return { kind: 'adamw', ...withSchedule(adamw, epochs) }
  throw new Error('an optimizer without a kind got past the schema')
}

function withSchedule<O extends WrittenRate>({ learningRate, decay, ...rest }: O, epochs: number) {
  return { ...rest, learningRate: schedule({ learningRate, decay }, epochs) }
}

function schedule({ learningRate, decay }: WrittenRate, epochs: number): Schedule {
  if (typeof learningRate === 'number') return { initial: learningRate, warmupEpochs: 0, curve: decayCurve(learningRate, decay, epochs) }
  const { constant, inverseTimeDecay, cosine, step, warmup } = learningRate
  const warmupEpochs = warmup?.epochs ?? 0
  if (constant) return { initial: constant.initial, warmupEpochs, curve: { kind: 'constant' } }
  if (inverseTimeDecay) {
    const { initial } = inverseTimeDecay
    return { initial, warmupEpochs, curve: decayCurve(initial, inverseTimeDecay.decay, epochs) }
  }
  if (cosine) {
    const { initial, final } = cosine
    return { initial, warmupEpochs, curve: { kind: 'cosine', final, epochs: cosine.epochs ?? epochs } }
  }
  if (step) return { initial: step.initial, warmupEpochs, curve: { kind: 'step', factor: step.factor, epochs: step.epochs } }
  throw new Error('a learning rate without a kind got past the schema')
}

function decayCurve(initial: number, decay: WrittenDecay, epochs: number): Schedule['curve'] {
  const rate = decay === 'perEpochs' ? initial / epochs : (decay ?? 0)
  return rate === 0 ? { kind: 'constant' } : { kind: 'inverseTimeDecay', decay: rate }
}
