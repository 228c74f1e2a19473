/**
 * Who is better, and can that be said: groups of runs on the same images. Between two single runs patients are what chance acts on; between
 * variants of several seeds it is patients and seeds. Every pair is a test, and Holm's correction is made over all of them.
 *
 * In cross-validation a seed has a run for each fold, and its metric is the mean of theirs, each on the patients that it did not train on:
 * probabilities of different models are never put in one order. Patients are drawn from all folds together. That is asymptotically right for the
 * error of models that were trained on these patients (Bayle et al. 2020); what other training patients would give, no resample shows.
 */
import { clusteredDeLong, type DeLong } from '../statistics/clustered-delong.ts'
import type { OfGroups } from '../statistics/grouped.ts'
import { holm } from '../statistics/holm.ts'
import { mcnemar, type McNemar } from '../statistics/mcnemar.ts'
import { variance } from '../statistics/moments.ts'
import { permutationTest } from '../statistics/permutation-test.ts'
import { resampleVariant, uncertaintyOfDifference, uncertaintyOfMean, type ResampledVariant } from '../statistics/resampled-groups.ts'
import { intervalOf, smallestDetectable, testOfZero, type Uncertainty } from '../statistics/variance-components.ts'
import { correctWinner } from '../statistics/winner.ts'
import {
  answersOf,
  answersOfBoth,
  everyone,
  meanMetrics,
  meanOf,
  metricOf,
  type Answers,
  type ComparedImages,
  type ComparedMetric,
} from './compared-metric.ts'
import { verdictOn, type TestedPair, type Verdict } from './verdict.ts'

export interface ComparedRun {
  readonly run: string
  readonly seed: number
  /** From 1; null where there are no folds. */
  readonly fold: number | null
  /** Of the positive class; null where the most probable class decides. */
  readonly threshold: number | null
  /** [images, classes] */
  readonly probabilities: Float32Array
}

/** Runs that differ in nothing but seed and fold, all folds of every seed; a run that stands alone is a group of one. */
export interface ComparedGroup {
  readonly name: string
  readonly runs: readonly ComparedRun[]
}

export interface ComparisonRequest {
  readonly groups: readonly ComparedGroup[]
  /** Of every fold, from the first; one where there are no folds. */
  readonly images: readonly ComparedImages[]
  readonly metric: ComparedMetric
  /** Every other group is compared with this one only; null compares all pairs. */
  readonly reference: string | null
  /** What the resampled units are called, as in "12 patients". */
  readonly units: string
}

/** How sure is sure. A difference that is claimed where there is none: at most in one family of twenty. */
export const rules = { alpha: 0.05, level: 0.95, power: 0.8, resamples: 2000, seedsForClaim: 5, seed: 1 } as const

export interface Comparison {
  readonly metric: ComparedMetric
  /** Null where there are none. */
  readonly folds: number | null
  readonly images: number
  readonly patients: number
  readonly units: string
  readonly classes: readonly string[]
  readonly groups: readonly GroupResult[]
  readonly pairs: readonly PairResult[]
  /** The best of three or more, with what is luck of it taken off; null of two. */
  readonly best: Best | null
  readonly rules: typeof rules
}

export interface GroupResult {
  readonly name: string
  /** In how many seeds. */
  readonly seeds: number
  readonly runs: readonly (Omit<ComparedRun, 'probabilities'> & { readonly value: number })[]
  readonly mean: number
  /** 95 % over patients, and over seeds where there are several. */
  readonly low: number
  readonly high: number
  /** Over seeds; null of one run. */
  readonly standardDeviation: number | null
  /** Means of all metrics. */
  readonly metrics: Readonly<Record<string, number>>
}

export interface PairResult extends TestedPair {
  /** Of models by exchanging patients; of variants from the spread over seeds and patients. */
  readonly p: number
  readonly verdict: Verdict
  /** Of models only. */
  readonly mcnemar: McNemar | null
  /** Of models with a positive class only. */
  readonly delong: DeLong | null
}

export interface Best {
  readonly name: string
  readonly value: number
  readonly corrected: number
  readonly frequency: number
}

interface Prepared {
  readonly name: string
  readonly runs: readonly AnsweredRun[]
  readonly variant: ResampledVariant
}

interface AnsweredRun {
  readonly run: ComparedRun
  readonly answers: Answers
  /** Of its fold. */
  readonly images: ComparedImages
  readonly metric: OfGroups<number>
}

export function compareGroups({ groups, images, metric, reference, units }: ComparisonRequest): Comparison {
  const [first] = images
  if (!first) throw new Error('Internal error: a comparison without images')
  const { patients, classes } = first
  const folds = images.length > 1 ? images.length : null
  // 1. Every seed's metric, on all patients and on resamples of them.
  const prepared = groups.map(({ name, runs }): Prepared => {
    const answered = runs.map((run): AnsweredRun => {
      const own = images[(run.fold ?? 1) - 1] ?? first
      const answers = answersOf(run.probabilities, run.threshold, own)
      return { run, answers, images: own, metric: metricOf(metric, answers, own) }
    })
    const seeds = [...new Set(runs.map(({ seed }) => seed))]
    const ofSeeds = seeds.map((seed) => meanOf(answered.flatMap((one) => (one.run.seed === seed ? [one.metric] : []))))
    return { name, runs: answered, variant: resampleVariant(ofSeeds, name, { patients, seed: rules.seed, resamples: rules.resamples }) }
  })
  // 2. Every pair, and what their number does to each.
  const pairs = pairsOf(prepared, reference).map(([a, b]) => testPair(a, b, patients, metric))
  const adjusted = holm(pairs.map(({ p }) => p))
  return {
    metric,
    folds,
    images: [...new Set(images)].reduce((sum, { labels }) => sum + labels.length, 0),
    patients,
    units,
    classes,
    groups: prepared.map((one) => describeGroup(one, patients, metric)),
    pairs: pairs.map(({ uncertainty, ...pair }, index) => {
      const result = {
        ...pair,
        adjustedP: adjusted[index] ?? 1,
        smallestDetectable: smallestDetectable(uncertainty, rules.alpha / pairs.length, rules.power),
      }
      return { ...result, verdict: verdictOn(result, { metric, units, patients, folds, family: pairs.length, rules }) }
    }),
    // 3. The best of many was also lucky.
    best: prepared.length > 2 ? bestOf(prepared) : null,
    rules,
  }
}

function pairsOf(prepared: readonly Prepared[], reference: string | null): [Prepared, Prepared][] {
  const against = prepared.find(({ name }) => name === reference)
  if (against) return prepared.filter((one) => one !== against).map((one) => [one, against])
  return prepared.flatMap((a, index) => prepared.slice(index + 1).map((b): [Prepared, Prepared] => [a, b]))
}

function testPair(a: Prepared, b: Prepared, patients: number, metric: ComparedMetric) {
  const difference = a.variant.mean - b.variant.mean
  const uncertainty: Uncertainty = uncertaintyOfDifference(a.variant, b.variant, patients)
  const [first, second] = [a.runs[0], b.runs[0]]
  // Folds are several models of a variant, never one.
  const areModels = a.runs.length === 1 && b.runs.length === 1
  const ofModels = areModels && first && second ? testModels(first.answers, second.answers, first.images, metric) : null
  return {
    first: a.name,
    second: b.name,
    seeds: [a.variant.values.length, b.variant.values.length] as const,
    kind: areModels ? ('models' as const) : ('variants' as const),
    difference,
    ...intervalOf(difference, uncertainty, rules.level),
    p: ofModels ? ofModels.permutation.p : testOfZero(difference, uncertainty),
    permutation: null,
    mcnemar: null,
    delong: null,
    ...ofModels,
    uncertainty,
  }
}

function testModels(a: Answers, b: Answers, images: ComparedImages, metric: ComparedMetric) {
  const { labels, patientOf, patients, positive } = images
  const both = answersOfBoth(a, b, images)
  const right = ({ called }: Answers): boolean[] => Array.from(labels, (label, image) => called[image] === label)
  const isPositive = Array.from(labels, (label) => label === positive)
  return {
    permutation: permutationTest(metricOf(metric, both.answers, both.images), patients, {
      seed: rules.seed,
      permutations: rules.resamples,
    }),
    mcnemar: mcnemar(right(a), right(b)),
    delong:
      positive === null
        ? null
        : clusteredDeLong(a.scores[0] ?? [], b.scores[0] ?? [], { isPositive, groupOf: patientOf, groups: patients }),
  }
}

function describeGroup({ name, runs, variant }: Prepared, patients: number, metric: ComparedMetric): GroupResult {
  const { low, high } = intervalOf(variant.mean, uncertaintyOfMean(variant, patients), rules.level)
  return {
    name,
    seeds: variant.values.length,
    runs: runs.map(({ run: { run, seed, fold, threshold }, images, metric: own }) => ({
      run,
      seed,
      fold,
      threshold,
      value: own(everyone(images)),
    })),
    mean: variant.mean,
    // No metric is above 1, and only Matthews' correlation is below 0.
    low: Math.max(metric === 'mcc' ? -1 : 0, low),
    high: Math.min(1, high),
    standardDeviation: variant.seeds === null ? null : Math.sqrt(variance(variant.values)),
    metrics: meanMetrics(runs),
  }
}

function bestOf(prepared: readonly Prepared[]): Best {
  const { index, ...winner } = correctWinner(prepared.map(({ variant }) => variant))
  return { name: prepared[index]?.name ?? '', ...winner }
}
