/** What a sweep says: of each variant the mean over its seeds with an interval, best first. */
import { studentPoint } from '../statistics/distributions.ts'
import { mean as meanOf, variance } from '../statistics/moments.ts'

export interface VariantSummary {
  readonly name: string
  /** Of its finished seeds, in their order. */
  readonly values: readonly number[]
  readonly planned: number
  readonly failed: number
  readonly mean: number
  /** 95 %, by Student's t over seeds; null below two seeds. It says how seeds scatter, not how patients do: `compare` does both. */
  readonly interval: { readonly low: number; readonly high: number } | null
}

export interface Scored {
  readonly variant: string
  readonly isFailed: boolean
  /** Null where it has not finished. */
  readonly value: number | null
}

/** `isLossLike`: less is better. */
export function summariseVariants(trials: readonly Scored[], isLossLike: boolean): VariantSummary[] {
  const names = [...new Set(trials.map(({ variant }) => variant))]
  const summaries = names.map((name): VariantSummary => {
    const own = trials.filter(({ variant }) => variant === name)
    const values = own.flatMap(({ value }) => (value === null ? [] : [value]))
    const failed = own.filter(({ isFailed }) => isFailed).length
    return { name, values, planned: own.length, failed, ...meanAndInterval(values, isLossLike ? Infinity : 1) }
  })
  const sign = isLossLike ? 1 : -1
  const place = ({ values, mean }: VariantSummary): number => (values.length === 0 ? Infinity : sign * mean)
  return summaries.sort((a, b) => place(a) - place(b))
}

/** `most` is what the metric can be at most; at least it is 0. */
function meanAndInterval(values: readonly number[], most: number): Pick<VariantSummary, 'mean' | 'interval'> {
  const count = values.length
  const mean = meanOf(values)
  if (count < 2) return { mean, interval: null }
  const half = studentPoint(0.975, count - 1) * Math.sqrt(variance(values) / count)
  return { mean, interval: { low: Math.max(0, mean - half), high: Math.min(most, mean + half) } }
}
