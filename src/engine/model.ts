/** The variables of a training: weights, moving statistics, optimizer slots and the running metrics of an epoch. */
import * as tf from '@tensorflow/tfjs-core'
import type { Optimizer } from '../experiment/experiment.ts'
import { updateRule, type UpdateRule } from '../layers/optimizers.ts'
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

export function createModel(network: Network, optimizer: Optimizer, seed: number): Model {
  const rule = updateRule(optimizer)
  const variables = new Map<string, tf.Variable>()
  const add = (name: string, values: Float32Array, shape: readonly number[], isTrainable: boolean): void => {
    variables.set(
      name,
      tf.tidy(() => tf.variable(tf.tensor(values, [...shape]), isTrainable)),
    )
  }
  for (const parameter of network.parameters) add(parameter.name, initialValues(parameter, seed), parameter.shape, parameter.isTrainable)
  for (const { name, shape, isTrainable } of network.parameters) {
    if (!isTrainable) continue
    const size = shape.reduce((a, b) => a * b, 1)
    for (const [slot, initial] of Object.entries(rule.slots)) add(slotName(name, slot), new Float32Array(size).fill(initial), shape, false)
  }
  for (const name of [lossSum, correctCount]) add(name, new Float32Array(1), [], false)
  return { network, rule, variables }
}

export function slotName(parameter: string, slot: string): string {
  return `${parameter}/${slot}`
}

export function disposeModel(model: Model): void {
  tf.dispose([...model.variables.values()])
}
