/** A pruner that can never stop anything. */
import type { Diagnostic } from '../../diagnostics/diagnostic.ts'
import { advise } from '../advice.ts'
import type { Experiment, Located } from '../experiment.ts'
import { warmupOf, type Prune } from '../schema/sweep.ts'

/** `experiments` are those of all points. */
export function pruneAdvice(located: Located, { median, successiveHalving }: Prune, experiments: readonly Experiment[]): Diagnostic[] {
  const settings = median ?? successiveHalving
  if (!settings) return []
  const path = `sweep.prune.${median ? 'median' : 'successiveHalving'}`
  const { warmup, trials } = settings
  const epochs = Math.max(...experiments.map(({ training }) => training.epochs))
  if (warmupOf(warmup, epochs) >= epochs)
    return advise(located, 'sweep-prunes-nothing', `${path}.warmup`, {
      message: `no trial is ever stopped: the warm-up of ${warmupOf(warmup, epochs)} epochs is as long as the training`,
      expected: `fewer than ${epochs} epochs`,
      hint: 'Lower warmup, or take prune out.',
    })
  const alike = largestGroup(experiments.map(({ seed, dataset, split }) => JSON.stringify([seed, dataset, split])))
  if (alike > trials) return []
  return advise(located, 'sweep-prunes-nothing', `${path}.trials`, {
    message: `no trial is ever stopped: only ${alike} trials share a seed and their validation images, and ${trials} others are asked for`,
    hint: 'Lower trials, or take prune out: among so few the best is soon stopped by chance.',
  })
}

function largestGroup(keys: readonly string[]): number {
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return Math.max(0, ...counts.values())
}
