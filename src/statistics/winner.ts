/**
 * The best of many looks better than it is: it was also the luckiest. What the choice is worth on patients and seeds that had no part in it, after
 * Tsamardinos, Greasidou and Borboudakis, "Bootstrapping the out-of-sample predictions" (BBC-CV, 2018): in each resample the variant is
 * chosen on what was drawn and judged on what was left out.
 */
import { mean } from './moments.ts'
import type { ResampledVariant } from './resampled-groups.ts'

export interface Winner {
  readonly index: number
  /** As it looks, on everything. */
  readonly value: number
  /**
   * As the choice can be expected to do on new patients with new seeds: the mean of all variants, and the choice's lead over them on what was
   * left out. Somewhat too low rather than too high, for it was chosen on less.
   */
  readonly corrected: number
  /** In this share of the resamples the same variant was the best. */
  readonly frequency: number
}

/** Higher is better. */
export function correctWinner(variants: readonly ResampledVariant[]): Winner {
  const index = bestOf(variants.map((variant) => variant.mean))
  const resamples = variants[0]?.drawn.length ?? 0
  const chosen = Array.from({ length: resamples }, (_, resample) => bestOf(variants.map(({ drawn }) => drawn[resample] ?? NaN)))
  // Few patients rank more easily than many: only the lead over the others is taken from the left-out.
  const leads = chosen.map((best, resample) => {
    const leftOut = variants.map((variant) => variant.leftOut[resample] ?? NaN)
    return (leftOut[best] ?? NaN) - mean(leftOut)
  })
  return {
    index,
    value: variants[index]?.mean ?? NaN,
    corrected: mean(variants.map((variant) => variant.mean)) + mean(leads),
    frequency: chosen.filter((best) => best === index).length / resamples,
  }
}

/** Of equals the first. */
function bestOf(values: readonly number[]): number {
  return values.reduce((best, value, index) => (value > (values[best] ?? -Infinity) ? index : best), 0)
}
