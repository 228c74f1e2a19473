/** What an image of each class counts in the loss. */
import type { ClassWeights } from '../experiment/experiment.ts'

/**
 * counts: training images of each class, in class order. With n images and k classes:
 * none: 1 · maxRatio: largest count / count · balanced: n / (k · count), as scikit-learn has it · explicit: as given.
 */
export function classWeightValues(weights: ClassWeights, counts: readonly number[]): number[] {
  const empty = counts.findIndex((count) => count <= 0)
  if (empty >= 0) throw new Error(`Internal error: class ${empty} has no training image, which the audit of the dataset should have said`)
  const total = counts.reduce((sum, count) => sum + count, 0)
  switch (weights.kind) {
    case 'none':
      return counts.map(() => 1)
    case 'maxRatio':
      return counts.map((count) => Math.max(...counts) / count)
    case 'balanced':
      return counts.map((count) => total / (counts.length * count))
    case 'explicit':
      return [...weights.weights]
  }
}
