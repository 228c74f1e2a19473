/**
 * A variant's metric with patients and seeds both drawn anew. Of n patients, and of n seeds, n - 1 are drawn with replacement: the spread of the
 * draws is then that of the mean, without the factor (n - 1) / n by which the usual bootstrap is too narrow (Rao and Wu 1988, "Resampling
 * inference with complex survey data"). What is not drawn stands apart, to judge a choice that was made on what was.
 */
import { drawGroups } from './bootstrap.ts'
import { keyOf, uniforms } from '../random/philox.ts'
import type { OfGroups } from './grouped.ts'
import { mean, variance } from './moments.ts'
import { addComponents, type Component, type Uncertainty } from './variance-components.ts'

export interface ResampledVariant {
  /** Of each seed, on all patients. */
  readonly values: readonly number[]
  readonly mean: number
  /** [resamples]: the mean over the seeds that were drawn, on the patients that were drawn. */
  readonly drawn: Float64Array
  /** [resamples]: the mean over the seeds that were left out, on the patients that were left out; where there is one seed, over that one. */
  readonly leftOut: Float64Array
  /** What the seeds add to the variance of the mean; null of a single one, which shows nothing. */
  readonly seeds: Component | null
  /** What it adds to the variance of the mean that a seed does well on some patients and another on others; 0 of a single seed. */
  readonly residual: number
}

export interface Drawing {
  readonly patients: number
  readonly seed: number
  readonly resamples: number
}

/** Every variant is given the same patients. `name` makes the draws of seeds its own. */
export function resampleVariant(
  metrics: readonly OfGroups<number>[],
  name: string,
  { patients, seed, resamples }: Drawing,
): ResampledVariant {
  const everyone = new Int32Array(patients).fill(1)
  const values = metrics.map((metric) => metric(everyone))
  const count = metrics.length
  const drawn = new Float64Array(resamples)
  const leftOut = new Float64Array(resamples)
  /** [seeds][resamples]: how far each seed is from the mean of all, on the patients that were drawn. */
  const deviations = metrics.map(() => new Float64Array(resamples))
  for (let resample = 0; resample < resamples; resample++) {
    const inside = drawGroups(patients, seed, resample, patients - 1)
    const outside = inside.map((times) => (times === 0 ? 1 : 0))
    const seeds = count === 1 ? Int32Array.of(1) : drawSeeds(count, seed, name, resample)
    const onDrawn = metrics.map((metric) => metric(inside))
    drawn[resample] = onDrawn.reduce((sum, value, index) => sum + value * (seeds[index] ?? 0), 0) / Math.max(1, count - 1)
    leftOut[resample] = mean(metrics.filter((_, index) => count === 1 || seeds[index] === 0).map((metric) => metric(outside)))
    const typical = mean(onDrawn)
    for (const [index, value] of onDrawn.entries()) deviations[index]?.fill(value - typical, resample, resample + 1)
  }
  return {
    values,
    mean: mean(values),
    drawn,
    leftOut,
    seeds: count === 1 ? null : { variance: variance(values) / count, degreesOfFreedom: count - 1 },
    residual: count === 1 ? 0 : mean(deviations.map(variance)) / (count - 1),
  }
}

function drawSeeds(count: number, seed: number, name: string, resample: number): Int32Array {
  const times = new Int32Array(count)
  for (const draw of uniforms(keyOf(seed, 'seeds', name, resample), count - 1)) {
    const index = Math.floor(draw * count)
    times[index] = (times[index] ?? 0) + 1
  }
  return times
}

/** Of one variant's mean. */
export function uncertaintyOfMean(variant: ResampledVariant, patients: number): Uncertainty {
  return split(variant.drawn, [variant], patients)
}

/** Of a - b, on the same patients. */
export function uncertaintyOfDifference(a: ResampledVariant, b: ResampledVariant, patients: number): Uncertainty {
  const differences = a.drawn.map((value, resample) => value - (b.drawn[resample] ?? NaN))
  return split(differences, [a, b], patients)
}

/**
 * Drawing two ways counts what seeds and patients do together three times instead of once (Owen 2007, "The pigeonhole bootstrap"): twice is taken
 * off. What the seeds do not explain of the rest is the patients'.
 */
function split(draws: Float64Array, variants: readonly ResampledVariant[], patients: number): Uncertainty {
  const seeds = variants.flatMap((variant) => (variant.seeds === null ? [] : [variant.seeds]))
  const ofSeeds = seeds.reduce((sum, component) => sum + component.variance, 0)
  const counted = variants.reduce((sum, { residual }) => sum + 2 * residual, 0)
  return addComponents([...seeds, { variance: Math.max(0, variance(draws) - counted - ofSeeds), degreesOfFreedom: patients - 1 }])
}
