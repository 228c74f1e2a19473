/** Intervals from a bootstrap that draws whole groups: images of one patient are not independent, so patients are what is resampled. */
import { keyOf, uniforms } from '../random/philox.ts'

export interface Interval {
  readonly low: number
  readonly high: number
}

/**
 * How often each group is drawn, for one resample: as many draws as there are groups unless `draws` says otherwise, with replacement. A pure
 * function of seed and number.
 */
export function drawGroups(groups: number, seed: number, resample: number, draws = groups): Int32Array {
  const counts = new Int32Array(groups)
  for (const draw of uniforms(keyOf(seed, 'bootstrap', resample), draws)) {
    const group = Math.floor(draw * groups)
    counts[group] = (counts[group] ?? 0) + 1
  }
  return counts
}

/**
 * Percentile intervals (Efron 1979) of several statistics at once. `statistics` is given how often each image counts, and each group. Resamples in
 * which a statistic is undefined are left out of its interval. groupOf [images] holds group numbers below `groups`.
 */
export function bootstrapIntervals<Name extends string>(
  groupOf: Int32Array,
  groups: number,
  statistics: (weights: Int32Array, groupWeights: Int32Array) => Readonly<Record<Name, number>>,
  options: { readonly seed: number; readonly resamples: number; readonly level: number },
): Readonly<Record<Name, Interval>> {
  const draws = new Map<Name, number[]>()
  const weights = new Int32Array(groupOf.length)
  for (let resample = 0; resample < options.resamples; resample++) {
    const counts = drawGroups(groups, options.seed, resample)
    for (const [image, group] of groupOf.entries()) weights[image] = counts[group] ?? 0
    for (const [name, value] of Object.entries(statistics(weights, counts)) as [Name, number][]) {
      const list = draws.get(name) ?? []
      if (!Number.isNaN(value)) list.push(value)
      draws.set(name, list)
    }
  }
  const tail = (1 - options.level) / 2
  return Object.fromEntries(
    [...draws].map(([name, values]) => {
      const sorted = Float64Array.from(values).sort()
      return [name, { low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) }]
    }),
  ) as Record<Name, Interval>
}

/** Between neighbours in proportion (Hyndman and Fan 1996, definition 7); NaN of nothing. */
export function quantile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return NaN
  const at = share * (sorted.length - 1)
  const below = sorted[Math.floor(at)] ?? NaN
  const above = sorted[Math.ceil(at)] ?? NaN
  return below + (above - below) * (at - Math.floor(at))
}
