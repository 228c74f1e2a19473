/**
 * Two areas under ROC curves of the same images, where images of one patient hang together: Obuchowski, "Nonparametric analysis of clustered
 * ROC curve data", Biometrics 53 (1997). With one image a patient it is the test of DeLong, DeLong and Clarke-Pearson (1988).
 */
import { normalTails } from './distributions.ts'

export interface DeLong {
  /** First minus second. */
  readonly difference: number
  readonly standardError: number
  /** Two-sided, from the normal distribution; NaN where the patients leave no spread. */
  readonly p: number
}

/** first and second [images] are scores; groupOf [images] holds patients below `groups`. */
export function clusteredDeLong(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  {
    isPositive,
    groupOf,
    groups,
  }: { readonly isPositive: ArrayLike<boolean>; readonly groupOf: ArrayLike<number>; readonly groups: number },
): DeLong {
  const placements = [placementsOf(first, isPositive), placementsOf(second, isPositive)] as const
  const difference = placements[0].auc - placements[1].auc
  // Sums over each patient's positives and negatives, of the difference between the two models.
  const positives = new Float64Array(groups)
  const negatives = new Float64Array(groups)
  let [positiveCount, negativeCount] = [0, 0]
  const [holdsPositive, holdsNegative] = [new Set<number>(), new Set<number>()]
  for (let image = 0; image < first.length; image++) {
    const group = groupOf[image] ?? 0
    const excess = (placements[0].placements[image] ?? 0) - (placements[1].placements[image] ?? 0) - difference
    if (isPositive[image]) {
      positives[group] = (positives[group] ?? 0) + excess
      positiveCount += 1
      holdsPositive.add(group)
    } else {
      negatives[group] = (negatives[group] ?? 0) + excess
      negativeCount += 1
      holdsNegative.add(group)
    }
  }
  const sum = (of: (group: number) => number): number => positives.reduce((total, _, group) => total + of(group), 0)
  const ofPositives = spread(holdsPositive.size) * sum((group) => (positives[group] ?? 0) ** 2)
  const ofNegatives = spread(holdsNegative.size) * sum((group) => (negatives[group] ?? 0) ** 2)
  const ofBoth = spread(groups) * sum((group) => (positives[group] ?? 0) * (negatives[group] ?? 0))
  const variance = ofPositives / positiveCount ** 2 + ofNegatives / negativeCount ** 2 + (2 * ofBoth) / (positiveCount * negativeCount)
  const standardError = Math.sqrt(Math.max(0, variance))
  return { difference, standardError, p: standardError === 0 ? (difference === 0 ? 1 : NaN) : normalTails(difference / standardError) }
}

/** n / (n - 1): from a sum of squares to n times a variance. */
function spread(clusters: number): number {
  return clusters / (clusters - 1)
}

/**
 * Of a positive image, the share of negatives that score lower; of a negative one, the share of positives that score higher; ties one half.
 * Their means over the positives, and over the negatives, are the area.
 */
function placementsOf(
  scores: ArrayLike<number>,
  isPositive: ArrayLike<boolean>,
): { readonly placements: Float64Array; readonly auc: number } {
  const order = Int32Array.from({ length: scores.length }, (_, index) => index).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0))
  const positives = order.filter((image) => isPositive[image]).length
  const negatives = order.length - positives
  const placements = new Float64Array(order.length)
  let [positivesBelow, negativesBelow, area] = [0, 0, 0]
  for (let begin = 0, end = 0; begin < order.length; begin = end) {
    while (end < order.length && scores[order[end] ?? 0] === scores[order[begin] ?? 0]) end += 1
    const tied = order.subarray(begin, end)
    const tiedPositives = tied.filter((image) => isPositive[image]).length
    const tiedNegatives = tied.length - tiedPositives
    for (const image of tied)
      placements[image] = isPositive[image]
        ? (negativesBelow + tiedNegatives / 2) / negatives
        : (positives - positivesBelow - tiedPositives / 2) / positives
    area += tiedPositives * (negativesBelow + tiedNegatives / 2)
    positivesBelow += tiedPositives
    negativesBelow += tiedNegatives
  }
  return { placements, auc: area / (positives * negatives) }
}
