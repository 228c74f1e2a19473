/** What a sweep says: of each variant the mean over its seeds, and over its folds, with an interval, best first. */
import { goalOf, type Goal } from '../experiment/schema/training.ts'
import { uncertaintyOverFolds } from '../statistics/cross-validation.ts'
import { mean as meanOf, variance } from '../statistics/moments.ts'
import { intervalOf } from '../statistics/variance-components.ts'
import type { TrialState } from './ended-trial.ts'

export interface VariantSummary {
  readonly name: string
  /** Of its finished trials, in their order. */
  readonly values: readonly number[]
  readonly planned: number
  readonly failed: number
  readonly pruned: number
  /** Null where there are none. */
  readonly folds: Folds | null
  /**
   * Null where nothing finished; where a trial was pruned, for what is left was chosen for being good; and where nothing of a fold finished, for
   * what is left was judged on other patients than other variants.
   */
  readonly mean: number | null
  /**
   * 95 %; null where there is no mean, or one value. By Student's t: over seeds, where there are no folds. Else over folds, whose models share
   * training images, with the variance of Nadeau and Bengio. It says how seeds or folds scatter, not how patients do: `compare` does that.
   */
  readonly interval: { readonly low: number; readonly high: number } | null
}

export interface Folds {
  readonly planned: number
  /** Of these no trial has finished. */
  readonly missing: number
}

export interface Scored {
  readonly variant: string
  /** The same for points that are one experiment. */
  readonly point: string
  readonly fold: number | null
  readonly state: TrialState
  /** Null where it has not finished. */
  readonly value: number | null
}

/** What a variant is called: the only one of a sweep of seeds or folds alone has no name. */
export function variantName({ name }: Pick<VariantSummary, 'name'>): string {
  return name === '' ? 'the experiment' : name
}

/** What the intervals are over. */
export function spreadWord(variants: readonly VariantSummary[]): 'seeds' | 'folds' {
  return variants.some(({ folds }) => folds !== null) ? 'folds' : 'seeds'
}

/** Why an interval over folds is as wide as it is; of as many as there are. */
export function foldSentence(folds: number): string {
  return `models of different folds share training images: the interval rests on the spread of the folds' means times √(1/${folds} + 1/${folds - 1}) (Nadeau and Bengio 2003), and claims nothing; compare asks for five seeds`
}

export function summariseVariants(trials: readonly Scored[], metric: string): VariantSummary[] {
  const goal = goalOf(metric)
  const names = [...new Set(trials.map(({ variant }) => variant))]
  const summaries = names.map((name): VariantSummary => {
    const own = onceEach(trials.filter(({ variant }) => variant === name))
    const values = finished(own)
    const count = (state: TrialState): number => own.filter((trial) => trial.state === state).length
    const [failed, pruned] = [count('failed'), count('pruned')]
    const ofFolds = [...new Set(own.map(({ fold }) => fold))].flatMap((fold) =>
      fold === null ? [] : [finished(own.filter((trial) => trial.fold === fold))],
    )
    const missing = ofFolds.filter((fold) => fold.length === 0).length
    const folds = ofFolds.length === 0 ? null : { planned: ofFolds.length, missing }
    const isWhole = values.length > 0 && pruned === 0 && missing === 0
    const numbers = isWhole ? meanAndInterval(values, ofFolds.map(meanOf), goal) : { mean: null, interval: null }
    return { name, values, planned: own.length, failed, pruned, folds, ...numbers }
  })
  const place = ({ mean }: VariantSummary): number => (mean === null ? Infinity : goal === 'minimize' ? mean : -mean)
  return summaries.sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)))
}

/** Points that are one experiment, such as equal draws, are trained once, and must not count twice. */
function onceEach(trials: readonly Scored[]): Scored[] {
  return trials.filter(({ point }, index) => trials.findIndex((other) => other.point === point) === index)
}

function finished(trials: readonly Scored[]): number[] {
  return trials.flatMap(({ value }) => (value === null ? [] : [value]))
}

/** `ofFolds` has the mean of each fold over its seeds. A metric that is to be as large as possible is 1 at most; all are 0 at least. */
function meanAndInterval(values: readonly number[], ofFolds: readonly number[], goal: Goal): Pick<VariantSummary, 'mean' | 'interval'> {
  const hasFolds = ofFolds.length > 0
  const mean = meanOf(hasFolds ? ofFolds : values)
  const count = values.length
  if (count < 2) return { mean, interval: null }
  const overSeeds = { standardError: Math.sqrt(variance(values) / count), degreesOfFreedom: count - 1 }
  const { low, high } = intervalOf(mean, hasFolds ? uncertaintyOverFolds(ofFolds) : overSeeds, 0.95)
  const most = goal === 'minimize' ? Infinity : 1
  return { mean, interval: { low: Math.max(0, low), high: Math.min(most, high) } }
}
