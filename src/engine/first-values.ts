/** The first value of each variable of a training: weights, moving statistics, optimizer slots, the running metrics of an epoch. */
import type { UpdateRule } from '../layers/optimizers.ts'
import { initialValues } from '../network/initial-values.ts'
import type { Network } from '../network/plan.ts'

export const lossSum = 'metrics/loss'
export const correctCount = 'metrics/correct'

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
