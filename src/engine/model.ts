/** The variables of a training: weights, moving statistics, optimizer slots and the running metrics of an epoch. */
import * as tf from '@tensorflow/tfjs-core'
import { updateRule, type RuleOptions, type UpdateRule } from '../layers/optimizers.ts'
import type { Network } from '../network/plan.ts'
import { correctCount, firstValues, lossSum, slotName } from './first-values.ts'

export interface Model {
  readonly network: Network
  readonly rule: UpdateRule
  /** Everything above, by name, weights first and in the network's order. */
  readonly variables: ReadonlyMap<string, tf.Variable>
}

/** Without a seed every value is 0: whoever trains assigns those of `firstValues`. */
export function createModel(network: Network, optimizer: RuleOptions, seed: number | null = null): Model {
  const rule = updateRule(optimizer)
  const values = seed === null ? null : firstValues(network, rule, seed)
  const variables = new Map<string, tf.Variable>()
  const add = (name: string, shape: readonly number[], isTrainable: boolean): void => {
    const own = values?.get(name)
    const make = (): tf.Tensor => (own ? tf.tensor(own, [...shape]) : tf.zeros([...shape]))
    variables.set(
      name,
      tf.tidy(() => tf.variable(make(), isTrainable)),
    )
  }
  for (const { name, shape, isTrainable } of network.parameters) add(name, shape, isTrainable)
  for (const { name, shape, isTrainable } of network.parameters)
    if (isTrainable) for (const slot of Object.keys(rule.slots)) add(slotName(name, slot), shape, false)
  for (const name of [lossSum, correctCount]) add(name, [], false)
  return { network, rule, variables }
}

/** Variables of a prediction. */
export function zeroVariables(parameters: Network['parameters']): Map<string, tf.Variable> {
  return new Map(parameters.map(({ name, shape }) => [name, tf.tidy(() => tf.variable(tf.zeros([...shape]), false))]))
}

export function disposeModel(model: Model): void {
  tf.dispose([...model.variables.values()])
}
