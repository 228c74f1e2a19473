import { describe, expect, it } from 'vitest'
import type { Experiment, Located, Optimizer } from '../../src/experiment/experiment.ts'
import { trainingAdvice } from '../../src/network/training-advice.ts'
import { experimentWith } from './stack.ts'

const batchNorm = { kind: 'batchNormalization', name: 'norm', momentum: 0.99, epsilon: 1e-3, center: true, scale: true } as const

function located(changes: Partial<Experiment>): Located {
  const stack = experimentWith([batchNorm], { shape: [8, 8, 3], classes: 2 })
  return { ...stack, experiment: { ...stack.experiment, ...changes } }
}

function decaying(decay: number): Optimizer {
  const learningRate = { initial: 0.01, warmupEpochs: 0, curve: { kind: 'inverseTimeDecay', decay } } as const
  return { kind: 'sgd', learningRate, momentum: 0, nesterov: false }
}

const codes = (experiment: Located, images: number): string[] => trainingAdvice(experiment, images).map(({ code }) => code)
const training = (epochs: number, batchSize: number) => ({
  epochs,
  batchSize,
  select: null,
  earlyStopping: null,
  onNonFinite: 'stop' as const,
})

describe('advice on a training whose images are counted', () => {
  it('is silent on the usual', () => {
    expect(codes(located({ training: training(40, 32), optimizer: decaying(0.01 / 40) }), 11_494)).toEqual([])
  })

  it('notices a decay that leaves nothing of the learning rate', () => {
    const [advice] = trainingAdvice(located({ training: training(40, 32), optimizer: decaying(0.9) }), 11_494)
    expect(advice).toMatchObject({ code: 'decay-kills-rate', severity: 'warning' })
    expect(advice?.message).toContain('after 14400 steps the learning rate is 7.7e-7, from 0.01')
  })

  it('notices a batch larger than the training set', () => {
    expect(codes(located({ training: training(1, 64) }), 40)).toEqual(['batch-exceeds-training'])
    expect(codes(located({ training: training(1, 40) }), 40)).toEqual([])
  })

  it('notices a batch of one image, where there is a batch normalization', () => {
    expect(codes(located({ training: training(1, 8) }), 41)).toEqual(['batch-of-one'])
    expect(codes(located({ training: training(1, 8), model: { layers: [] } }), 41)).toEqual([])
    expect(codes(located({ training: training(1, 8) }), 42)).toEqual([])
  })

  it('weighs what the file says, and is silent where it is switched off', () => {
    const { rules } = located({}).experiment
    const stern = located({ training: training(1, 64), rules: { ...rules, 'batch-exceeds-training': 'error' } })
    expect(trainingAdvice(stern, 40)[0]?.severity).toBe('error')
    expect(
      codes(located({ training: training(1, 64), rules: { ...rules, 'batch-exceeds-training': { off: 'full batches' } } }), 40),
    ).toEqual([])
  })
})
