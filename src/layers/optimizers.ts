/**
 * Update rules as Keras 3 writes them (keras/src/optimizers). A rule's numbers that change from step to step are computed on the host,
 * in double precision, and fed; everything else is a constant of the graph.
 */
import * as tf from '@tensorflow/tfjs-core'
import type { Optimizer } from '../experiment/experiment.ts'
import { adagradAccumulator, applyAdagrad } from '../kernels/adagrad.ts'

export type Slots = Readonly<Record<string, tf.Variable>>

export interface UpdateRule {
  /** Names of the variables kept beside each weight, and the value they begin with. */
  readonly slots: Readonly<Record<string, number>>
  /** The numbers to feed at step t (from 0) when the schedule gives `learningRate`. */
  rates(learningRate: number, t: number): readonly number[]
  update(weights: tf.Variable, slots: Slots, gradient: tf.Tensor, rates: readonly tf.Scalar[]): void
}

type WithoutRate<Kind> = Kind extends Optimizer ? Omit<Kind, 'learningRate'> : never
/** An optimizer as its graph has it: the learning rate is fed. */
export type RuleOptions = WithoutRate<Optimizer>

type Rules = { [Kind in Optimizer['kind']]: (options: Extract<RuleOptions, { kind: Kind }>) => UpdateRule }

const number = tf.scalar

const rules: Rules = {
  /** velocity = momentum · velocity - rate · g; w += velocity, or with Nesterov w += momentum · velocity - rate · g. */
  sgd: ({ momentum, nesterov }) => ({
    slots: momentum > 0 ? { velocity: 0 } : {},
    rates: (learningRate) => [learningRate],
    update(weights, slots, gradient, rates) {
      const step = tf.mul(rate(rates, 0), gradient)
      if (momentum === 0) {
        weights.assign(tf.sub(weights, step))
        return
      }
      const velocity = slot(slots, 'velocity')
      const next = tf.sub(tf.mul(velocity, number(momentum)), step)
      velocity.assign(next)
      weights.assign(tf.add(weights, nesterov ? tf.sub(tf.mul(next, number(momentum)), step) : next))
    },
  }),

  adagrad: ({ initialAccumulatorValue, epsilon }) => ({
    slots: { accumulator: adagradAccumulator(initialAccumulatorValue, epsilon) },
    rates: (learningRate) => [learningRate],
    update: (weights, slots, gradient, rates) => applyAdagrad(weights, slot(slots, 'accumulator'), gradient, rate(rates, 0)),
  }),

  /** v = rho · v + (1 - rho) · g²; w -= rate · g / sqrt(v + epsilon), less the squared mean gradient where centered. */
  rmsprop: ({ rho, momentum, epsilon, centered }) => ({
    slots: { velocity: 0, ...(centered ? { average: 0 } : {}), ...(momentum > 0 ? { momentum: 0 } : {}) },
    // Epsilon is fed: a constant would be added before the subtraction by a graph's optimizer, an ulp away from single operations.
    rates: (learningRate) => [learningRate, epsilon],
    update(weights, slots, gradient, rates) {
      const blend = (variable: tf.Variable, value: tf.Tensor): tf.Tensor => {
        const next = tf.add(variable, tf.mul(tf.sub(value, variable), number(1 - rho)))
        variable.assign(next)
        return next
      }
      const square = blend(slot(slots, 'velocity'), tf.square(gradient))
      const spread = centered ? tf.sub(square, tf.square(blend(slot(slots, 'average'), gradient))) : square
      // A product with the root's reciprocal: a graph's optimizer would make this of a quotient.
      const step = tf.mul(tf.mul(rate(rates, 0), gradient), tf.rsqrt(tf.add(spread, rate(rates, 1))))
      if (momentum === 0) {
        weights.assign(tf.sub(weights, step))
        return
      }
      const velocity = slot(slots, 'momentum')
      const next = tf.add(tf.mul(velocity, number(momentum)), step)
      velocity.assign(next)
      weights.assign(tf.sub(weights, next))
    },
  }),

  adam: ({ beta1, beta2, epsilon }) => ({
    slots: { m: 0, v: 0 },
    rates: (learningRate, t) => [biasCorrected(learningRate, beta1, beta2, t)],
    update: (weights, slots, gradient, rates) => adamStep(weights, slots, gradient, rate(rates, 0), { beta1, beta2, epsilon }),
  }),

  /** Loshchilov and Hutter 2019: w -= w · weightDecay · learningRate, before Adam's step. */
  adamw: ({ beta1, beta2, epsilon, weightDecay }) => ({
    slots: { m: 0, v: 0 },
    rates: (learningRate, t) => [biasCorrected(learningRate, beta1, beta2, t), weightDecay * learningRate],
    update(weights, slots, gradient, rates) {
      weights.assign(tf.sub(weights, tf.mul(weights, rate(rates, 1))))
      adamStep(weights, slots, gradient, rate(rates, 0), { beta1, beta2, epsilon })
    },
  }),
}

/** Kingma and Ba 2015, section 2: learningRate · sqrt(1 - beta2^(t+1)) / (1 - beta1^(t+1)). */
function biasCorrected(learningRate: number, beta1: number, beta2: number, t: number): number {
  return (learningRate * Math.sqrt(1 - beta2 ** (t + 1))) / (1 - beta1 ** (t + 1))
}

interface AdamOptions {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
}

/** m += (g - m)(1 - beta1); v += (g² - v)(1 - beta2); w -= rate · m / (sqrt(v) + epsilon). */
function adamStep(weights: tf.Variable, slots: Slots, gradient: tf.Tensor, corrected: tf.Scalar, options: AdamOptions): void {
  const move = (variable: tf.Variable, value: tf.Tensor, beta: number): tf.Tensor => {
    const next = tf.add(variable, tf.mul(tf.sub(value, variable), number(1 - beta)))
    variable.assign(next)
    return next
  }
  const m = move(slot(slots, 'm'), gradient, options.beta1)
  const v = move(slot(slots, 'v'), tf.square(gradient), options.beta2)
  weights.assign(tf.sub(weights, tf.div(tf.mul(m, corrected), tf.add(tf.sqrt(v), number(options.epsilon)))))
}

function slot(slots: Slots, name: string): tf.Variable {
  const variable = slots[name]
  if (!variable) throw new Error(`Internal error: no optimizer slot ${name}`)
  return variable
}

function rate(rates: readonly tf.Scalar[], index: number): tf.Scalar {
  const scalar = rates[index]
  if (!scalar) throw new Error(`Internal error: no rate number ${index}`)
  return scalar
}

export function updateRule(options: RuleOptions): UpdateRule {
  const make = rules[options.kind] as (options: RuleOptions) => UpdateRule
  return make(options)
}
