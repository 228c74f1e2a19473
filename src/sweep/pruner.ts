/** Whether a trial goes on, by what it and the others have shown so far: numbers only, no clock and no files. */
import { warmupOf, type Prune } from '../experiment/schema/sweep.ts'
import type { Goal } from '../experiment/schema/training.ts'

export interface Shown {
  readonly run: string
  /** By epochs from the first: what the trial would have ended with there. */
  readonly values: readonly number[]
}

export interface Judgement {
  readonly goesOn: boolean
  readonly value: number
  /** The worst value that goes on; null where too few trials had come as far. */
  readonly threshold: number | null
  readonly comparedWith: readonly { readonly run: string; readonly value: number }[]
  /** Of successive halving, counted from 0. */
  readonly rung?: number
}

export interface Pruner {
  readonly rule: 'median' | 'successiveHalving'
  /** The ends of epochs at which a training of that many is judged; never the last, nor before the warm-up. */
  epochs(planned: number): readonly number[]
  /** At the end of one of those epochs. The others share the trial's seed and validation images; those that did not come as far have no say. */
  judge(trial: Shown, others: readonly Shown[], epoch: number, planned: number): Judgement
}

export function makePruner({ median, successiveHalving }: Prune, goal: Goal): Pruner {
  if (median) return medianPruner(median, goal)
  if (successiveHalving) return halvingPruner(successiveHalving, goal)
  throw new Error('Internal error: prune says neither median nor successiveHalving')
}

type MedianSettings = NonNullable<Prune['median']>
type HalvingSettings = NonNullable<Prune['successiveHalving']>

/**
 * The median stopping rule of Golovin et al. 2017 (Google Vizier), with two differences: a trial is compared with all that came as far, not
 * only with those that finished, which would be the better ones; and a value is what the trial would end with, not a mean over its epochs.
 */
function medianPruner({ warmup, trials }: MedianSettings, goal: Goal): Pruner {
  return {
    rule: 'median',
    epochs: (planned) => range(warmupOf(warmup, planned), planned),
    judge(trial, others, epoch) {
      const value = valueAt(trial, epoch)
      const comparedWith = comparable(others, epoch)
      const values = comparedWith.map((other) => other.value).sort(bestFirst(goal))
      const threshold = comparedWith.length < trials ? null : median(values)
      return { goesOn: threshold === null || !isWorse(value, threshold, goal), value, threshold, comparedWith }
    },
  }
}

/**
 * Asynchronous successive halving (Li et al. 2020) in the form that stops: nobody waits for a rung to fill, and who is not among the best
 * 1/factor of those that reached it so far, itself counted and rounded up, is stopped there for good.
 */
function halvingPruner({ warmup, trials, factor }: HalvingSettings, goal: Goal): Pruner {
  const rungs = (planned: number): number[] => {
    const all: number[] = []
    for (let epoch = warmupOf(warmup, planned); epoch < planned; epoch *= factor) all.push(epoch)
    return all
  }
  return {
    rule: 'successiveHalving',
    epochs: rungs,
    judge(trial, others, epoch, planned) {
      const value = valueAt(trial, epoch)
      const comparedWith = comparable(others, epoch)
      const best = [value, ...comparedWith.map((other) => other.value)].sort(bestFirst(goal))
      const threshold = comparedWith.length < trials ? null : (best[Math.ceil(best.length / factor) - 1] ?? value)
      const rung = rungs(planned).indexOf(epoch)
      return { goesOn: threshold === null || !isWorse(value, threshold, goal), value, threshold, comparedWith, rung }
    },
  }
}

/** Those that came as far, also where their value there is no number. */
function comparable(others: readonly Shown[], epoch: number): { run: string; value: number }[] {
  return others.flatMap((other) => (other.values.length < epoch ? [] : [{ run: other.run, value: valueAt(other, epoch) }]))
}

/** NaN where it did not come as far. */
function valueAt({ values }: Shown, epoch: number): number {
  return values[epoch - 1] ?? NaN
}

function isWorse(value: number, than: number, goal: Goal): boolean {
  return bestFirst(goal)(value, than) > 0
}

/** What is not finite is worse than any number, and all of it equally bad: a metric that is nowhere defined stops nobody. */
export function bestFirst(goal: Goal): (a: number, b: number) => number {
  const cost = (value: number): number => (!Number.isFinite(value) ? Infinity : goal === 'maximize' ? -value : value)
  return (a, b) => (cost(a) === cost(b) ? 0 : cost(a) - cost(b))
}

/** From the first on, without the last. */
function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first) }, (_, index) => first + index)
}

/** Of values in order. Between a number and what is none it is none. */
function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2
  const [low = NaN, high = NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return (low + high) / 2
}
