/**
 * Two models on the same patients: if they were equally good, it would not matter which of them spoke of which patient. So each patient's two
 * answers are exchanged or not, by a coin, and the difference of the metric is looked at again (Good 2005, "Permutation, parametric and
 * bootstrap tests of hypotheses", paired form, whole patients).
 */
import { keyOf, uniforms } from '../random/philox.ts'
import type { OfGroups } from './grouped.ts'

export interface PermutationTest {
  readonly p: number
  /** Whether every exchange was tried: then p is exact. */
  readonly isExact: boolean
  /** No p can be smaller: 2 / 2^patients where all are tried. */
  readonly smallestP: number
}

/**
 * `metric` is of groups twice as many as patients: first the first model's answers, then the second's, patient by patient. Two-sided; of drawn
 * exchanges (hits + 1) / (draws + 1), which is never 0 (Phipson and Smyth 2010).
 */
export function permutationTest(
  metric: OfGroups<number>,
  patients: number,
  { seed, permutations }: { readonly seed: number; readonly permutations: number },
): PermutationTest {
  const difference = (isSwapped: (patient: number) => boolean): number => {
    const first = new Uint8Array(2 * patients)
    for (let patient = 0; patient < patients; patient++) first[isSwapped(patient) ? patients + patient : patient] = 1
    return Math.abs(metric(first) - metric(first.map((here) => 1 - here)))
  }
  // What rounding does to equal sums must not make them unequal.
  const observed = difference(() => false) * (1 - 1e-9)
  const isExact = 2 ** patients <= permutations
  const tried = isExact ? 2 ** patients : permutations
  let hits = 0
  for (let number = 0; number < tried; number++) {
    const coins = isExact ? null : uniforms(keyOf(seed, 'permutation', number), patients)
    const isSwapped = (patient: number): boolean => (coins ? (coins[patient] ?? 0) < 0.5 : Math.floor(number / 2 ** patient) % 2 === 1)
    // Undefined counts as unusual as what was seen.
    if (!(difference(isSwapped) < observed)) hits += 1
  }
  return isExact ? { p: hits / tried, isExact, smallestP: 2 / tried } : { p: (hits + 1) / (tried + 1), isExact, smallestP: 1 / (tried + 1) }
}
