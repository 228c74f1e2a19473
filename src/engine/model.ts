/** The variables of a training: weights, moving statistics, optimizer slots and the running metrics of an epoch. */
import * as tf from '@tensorflow/tfjs-core'
import { updateRule, type RuleOptions, type UpdateRule } from '../layers/optimizers.ts'
import { initialValues } from '../network/initial-values.ts'
import type { Network } from '../network/plan.ts'

export const lossSum = 'metrics/loss'
export const correctCount = 'metrics/correct'

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

/** What a training begins with, of every variable. */
export function firstValues(network: Network, rule: UpdateRule, seed: number): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>()
  for (const parameter of network.parameters) {
    const own = initialValues(parameter, seed)
    values.set(parameter.name, own)
    if (!parameter.isTrainable) continue
    for (const [slot, initial] of Object.entries(rule.slots))
      values.set(slotName(parameter.name, slot), new Float32Array(own.length).fill(initial))
  }
  for (const name of [lossSum, correctCount]) values.set(name, new Float32Array(1))
  return values
}

export function slotName(parameter: string, slot: string): string {
  return `${parameter}/${slot}`
}

export function disposeModel(model: Model): void {
  tf.dispose([...model.variables.values()])
}
