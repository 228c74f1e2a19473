/**
 * Metrics of resamples in which whole groups count several times or not at all. What does not change from one resample to the next is counted
 * once: 2,000 resamples of 16,000 images take a fraction of a second.
 */
import type { ConfusionMatrix } from './confusion.ts'
import { binOf } from './probability-scores.ts'

/** A statistic, given how often each group counts. weights [groups] */
export type OfGroups<T> = (weights: ArrayLike<number>) => T

/** The area under the ROC curve, ties one half (Mann and Whitney 1947); NaN where one class is absent. All arrays [images]. */
export function groupedAuc(scores: ArrayLike<number>, isPositive: ArrayLike<boolean>, groupOf: ArrayLike<number>): OfGroups<number> {
  const order = Int32Array.from({ length: scores.length }, (_, index) => index).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0))
  const groups = order.map((index) => groupOf[index] ?? 0)
  const positives = Uint8Array.from(order, (index) => (isPositive[index] ? 1 : 0))
  /** Where the next image scores higher than this one. */
  const rises = Uint8Array.from(order, (index, at) => (scores[order[at + 1] ?? -1] === scores[index] ? 0 : 1))
  return (weights) => {
    let area = 0
    let [below, hits] = [0, 0]
    let [tiedNegatives, tiedPositives] = [0, 0]
    for (let at = 0; at < groups.length; at++) {
      const weight = weights[groups[at] ?? 0] ?? 0
      if (positives[at] === 1) tiedPositives += weight
      else tiedNegatives += weight
      if (rises[at] === 0) continue
      area += tiedPositives * (below + tiedNegatives / 2)
      below += tiedNegatives
      hits += tiedPositives
      tiedNegatives = tiedPositives = 0
    }
    return below === 0 || hits === 0 ? NaN : area / (below * hits)
  }
}

/** The mean over images; NaN of none. values and groupOf [images] */
export function groupedMean(values: ArrayLike<number>, groupOf: ArrayLike<number>, groups: number): OfGroups<number> {
  const sums = new Float64Array(groups)
  const images = new Float64Array(groups)
  for (let image = 0; image < values.length; image++) {
    const group = groupOf[image] ?? 0
    sums[group] = (sums[group] ?? 0) + (values[image] ?? 0)
    images[group] = (images[group] ?? 0) + 1
  }
  return (weights) => {
    let [sum, count] = [0, 0]
    for (let group = 0; group < groups; group++) {
      sum += (weights[group] ?? 0) * (sums[group] ?? 0)
      count += (weights[group] ?? 0) * (images[group] ?? 0)
    }
    return sum / count
  }
}

/** Expected calibration error: mean distance of the bins from the diagonal, weighted by their images (Naeini et al. 2015). All arrays [images]. */
export function groupedCalibrationError(
  scores: ArrayLike<number>,
  isPositive: ArrayLike<boolean>,
  groupOf: ArrayLike<number>,
  groups: number,
  bins = 10,
): OfGroups<number> {
  // The weighted distance of a bin is the distance of its sums, over the images of all bins.
  const distances = new Float64Array(groups * bins)
  const images = new Float64Array(groups)
  for (let image = 0; image < scores.length; image++) {
    const [score, group] = [scores[image] ?? 0, groupOf[image] ?? 0]
    const cell = group * bins + binOf(score, bins)
    distances[cell] = (distances[cell] ?? 0) + score - (isPositive[image] ? 1 : 0)
    images[group] = (images[group] ?? 0) + 1
  }
  return (weights) => {
    const sums = new Float64Array(bins)
    let count = 0
    for (let group = 0; group < groups; group++) {
      const weight = weights[group] ?? 0
      if (weight === 0) continue
      count += weight * (images[group] ?? 0)
      for (let bin = 0; bin < bins; bin++) sums[bin] = (sums[bin] ?? 0) + weight * (distances[group * bins + bin] ?? 0)
    }
    return sums.reduce((sum, distance) => sum + Math.abs(distance), 0) / count
  }
}

/** The confusion matrix. labels, called and groupOf [images]. */
export function groupedConfusion(
  labels: ArrayLike<number>,
  called: ArrayLike<number>,
  groupOf: ArrayLike<number>,
  { groups, classes }: { readonly groups: number; readonly classes: number },
): OfGroups<ConfusionMatrix> {
  const cells = classes * classes
  const counts = new Float64Array(groups * cells)
  for (let image = 0; image < labels.length; image++) {
    const cell = (groupOf[image] ?? 0) * cells + (labels[image] ?? 0) * classes + (called[image] ?? 0)
    counts[cell] = (counts[cell] ?? 0) + 1
  }
  return (weights) => {
    const sums = new Float64Array(cells)
    for (let group = 0; group < groups; group++) {
      const weight = weights[group] ?? 0
      if (weight === 0) continue
      for (let cell = 0; cell < cells; cell++) sums[cell] = (sums[cell] ?? 0) + weight * (counts[group * cells + cell] ?? 0)
    }
    return Array.from({ length: classes }, (_, row) => Array.from(sums.subarray(row * classes, (row + 1) * classes)))
  }
}
