/** The metrics that runs are compared by, of any resample of the patients. Higher is better in all of them. */
import { groupedAuc, groupedConfusion, type OfGroups } from '../statistics/grouped.ts'
import { mean } from '../statistics/moments.ts'
import { averageRanks } from '../statistics/ranking.ts'
import { columnOf, predictedClasses } from './decisions.ts'
import { matrixMetrics } from './evaluate.ts'

export const comparedMetrics = ['roc_auc', 'balanced_accuracy', 'accuracy', 'f1', 'mcc', 'sensitivity', 'specificity'] as const
export type ComparedMetric = (typeof comparedMetrics)[number]

/** The images that every run was asked about, in one order. */
export interface ComparedImages {
  /** [images] */
  readonly labels: Int32Array
  /** [images]: the patient, below `patients`; the image itself where nothing groups images. Folds share one numbering. */
  readonly patientOf: Int32Array
  readonly patients: number
  readonly classes: readonly string[]
  /** Index of the positive class; null where there is none. */
  readonly positive: number | null
}

/** What a run says of them. */
export interface Answers {
  /** [images] for each class that is ranked: the positive one, or every one against the rest. */
  readonly scores: readonly ArrayLike<number>[]
  /** [images]: the class at the run's operating point. */
  readonly called: ArrayLike<number>
}

/** probabilities [images, classes]; the threshold is of the positive class, and null stands for .5. */
export function answersOf(probabilities: Float32Array, threshold: number | null, { classes, positive }: ComparedImages): Answers {
  return {
    scores: rankedClasses({ classes, positive }).map((index) => columnOf(probabilities, classes.length, index)),
    called: predictedClasses(probabilities, classes.length, positive, threshold ?? 0.5),
  }
}

/** Undefined for sensitivity and specificity where no class is positive. */
export function isDefined(metric: ComparedMetric, positive: number | null): boolean {
  return positive !== null || (metric !== 'sensitivity' && metric !== 'specificity')
}

export function metricOf(metric: ComparedMetric, { scores, called }: Answers, images: ComparedImages): OfGroups<number> {
  const { labels, patientOf, patients, classes, positive } = images
  if (metric === 'roc_auc') {
    const areas = rankedClasses(images).map((index, place) =>
      groupedAuc(
        scores[place] ?? [],
        Array.from(labels, (label) => label === index),
        patientOf,
      ),
    )
    return (weights) => areas.reduce((sum, area) => sum + area(weights), 0) / areas.length
  }
  const matrix = groupedConfusion(labels, called, patientOf, { groups: patients, classes: classes.length })
  return (weights) => matrixMetrics(matrix(weights), positive)[metric] ?? NaN
}

/**
 * Two runs' answers one after the other, the second's patients numbered after the first's. Scores become ranks, so that only the order that a
 * run gives to its images counts, and not how it spreads its probabilities (Venkatraman and Begg 1996).
 */
export function answersOfBoth(
  a: Answers,
  b: Answers,
  images: ComparedImages,
): { readonly answers: Answers; readonly images: ComparedImages } {
  const { labels, patientOf, patients } = images
  return {
    answers: {
      scores: a.scores.map((scores, place) => [...averageRanks(scores), ...averageRanks(b.scores[place] ?? [])]),
      called: [...Array.from(a.called), ...Array.from(b.called)],
    },
    images: {
      ...images,
      labels: Int32Array.from([...labels, ...labels]),
      patientOf: Int32Array.from([...patientOf, ...patientOf.map((patient) => patient + patients)]),
      patients: 2 * patients,
    },
  }
}

/** The mean over the folds of a seed, each judged on its own images; what is not defined on one, in a resample that lacks a class, is left out. */
export function meanOf(folds: readonly OfGroups<number>[]): OfGroups<number> {
  return (weights) => mean(folds.map((fold) => fold(weights)))
}

/** Mean over several runs, each on its own images, of every metric that is defined. */
export function meanMetrics(
  runs: readonly { readonly answers: Answers; readonly images: ComparedImages }[],
): Readonly<Record<string, number>> {
  const positive = runs[0]?.images.positive ?? null
  return Object.fromEntries(
    comparedMetrics
      .filter((metric) => isDefined(metric, positive))
      .map((metric) => [metric, mean(runs.map(({ answers, images }) => metricOf(metric, answers, images)(everyone(images))))]),
  )
}

/** Every patient once. */
export function everyone({ patients }: ComparedImages): Int32Array {
  return new Int32Array(patients).fill(1)
}

function rankedClasses({ classes, positive }: Pick<ComparedImages, 'classes' | 'positive'>): number[] {
  return positive === null ? classes.map((_, index) => index) : [positive]
}
