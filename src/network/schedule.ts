/** The learning rate as a function of the optimizer's step, and the steps of an epoch. */
import type { Schedule } from '../experiment/experiment.ts'

/** Steps of an epoch: the last batch may be smaller, and counts. */
export function stepsPerEpoch(rows: number, batchSize: number): number {
  return Math.ceil(rows / batchSize)
}

/**
 * The rate of step t, counted from 0. While warming up over w = warmupEpochs · stepsPerEpoch steps: initial · t / w. Then, with t from the
 * warm-up's end and T = curve.epochs · stepsPerEpoch:
 * constant: initial
 * inverseTimeDecay: initial / (1 + decay · t)                              Keras's InverseTimeDecay with decay_steps = 1
 * cosine: final + (initial - final) · (1 + cos(π · min(t / T, 1))) / 2     Keras's CosineDecay with alpha = final / initial
 * step: initial · factor ^ floor(t / T)                                    Keras's ExponentialDecay with staircase
 */
export function learningRateAt(schedule: Schedule, step: number, stepsPerEpoch: number): number {
  const { initial, warmupEpochs, curve } = schedule
  const warmup = Math.round(warmupEpochs * stepsPerEpoch)
  if (step < warmup) return (initial * step) / warmup
  const t = step - warmup
  switch (curve.kind) {
    case 'constant':
      return initial
    case 'inverseTimeDecay':
      return initial / (1 + curve.decay * t)
    case 'cosine': {
      const progress = Math.min(t / (curve.epochs * stepsPerEpoch), 1)
      return curve.final + ((initial - curve.final) * (1 + Math.cos(Math.PI * progress))) / 2
    }
    case 'step':
      return initial * curve.factor ** Math.floor(t / (curve.epochs * stepsPerEpoch))
  }
}
