/** What a sweep says: of each variant the mean over its seeds with an interval, best first. */
import { goalOf, type Goal } from '../experiment/schema/training.ts'
import { studentPoint } from '../statistics/distributions.ts'
import { mean as meanOf, variance } from '../statistics/moments.ts'
import type { TrialState } from './ended-trial.ts'

export interface VariantSummary {
  readonly name: string
  /** Of its finished seeds, in their order. */
  readonly values: readonly number[]
  readonly planned: number
  readonly failed: number
  readonly pruned: number
  /** Null where nothing finished, and where a seed was pruned: what is left was chosen for being good, and its mean is not the variant's. */
  readonly mean: number | null
  /** 95 %, by Student's t over seeds; null below two seeds. It says how seeds scatter, not how patients do: `compare` does both. */
  readonly interval: { readonly low: number; readonly high: number } | null
}

export interface Scored {
  readonly variant: string
  readonly state: TrialState
  /** Null where it has not finished. */
  readonly value: number | null
}

export function summariseVariants(trials: readonly Scored[], metric: string): VariantSummary[] {
  const goal = goalOf(metric)
  const names = [...new Set(trials.map(({ variant }) => variant))]
  const summaries = names.map((name): VariantSummary => {
    const own = trials.filter(({ variant }) => variant === name)
    const values = own.flatMap(({ value }) => (value === null ? [] : [value]))
    const count = (state: TrialState): number => own.filter((trial) => trial.state === state).length
    const [failed, pruned] = [count('failed'), count('pruned')]
    const none = { mean: null, interval: null }
    return {
      name,
      values,
      planned: own.length,
      failed,
      pruned,
      ...(values.length === 0 || pruned > 0 ? none : meanAndInterval(values, goal)),
    }
  })
  const place = ({ mean }: VariantSummary): number => (mean === null ? Infinity : goal === 'minimize' ? mean : -mean)
  return summaries.sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)))
}

/** A metric that is to be as large as possible is 1 at most; all are 0 at least. */
function meanAndInterval(values: readonly number[], goal: Goal): Pick<VariantSummary, 'mean' | 'interval'> {
  const count = values.length
  const mean = meanOf(values)
  if (count < 2) return { mean, interval: null }
  const half = studentPoint(0.975, count - 1) * Math.sqrt(variance(values) / count)
  const most = goal === 'minimize' ? Infinity : 1
  return { mean, interval: { low: Math.max(0, mean - half), high: Math.min(most, mean + half) } }
}
