/** What every step is fed, each a pure function of (seed, epoch, step): nothing is drawn in sequence, so nothing has to be remembered. */
import type { Augmentation, Optimizer } from '../experiment/experiment.ts'
import type { Feed } from '../graph/step-function.ts'
import { drawWarp, warpTransform } from '../layers/augmentation.ts'
import type { UpdateRule } from '../layers/optimizers.ts'
import { learningRateAt } from '../network/schedule.ts'
import { keyOf, permutation, philox } from '../random/philox.ts'

/** The rows of a split in the order in which that epoch (from 1) visits them. */
export function epochOrder(rows: Int32Array, seed: number, epoch: number): Int32Array {
  return permutation(keyOf(seed, 'order', epoch), rows.length).map((index) => rows[index] ?? 0)
}

/** int32 [max(1, layers), 2]: a key for each random layer, from the seed, the optimizer's step and the layer's name. */
export function dropoutSeeds(layers: readonly string[], seed: number, step: number): Int32Array {
  const seeds = new Int32Array(Math.max(1, layers.length) * 2)
  for (const [index, layer] of layers.entries()) {
    const [low, high] = philox(keyOf(seed, 'dropout', layer), step)
    seeds.set([low | 0, high | 0], index * 2)
  }
  return seeds
}

/** float32 [rows, 8] for images of the given size. */
export function warpTransforms(
  augmentation: Augmentation,
  seed: number,
  epoch: number,
  rows: Int32Array,
  size: readonly number[],
): Float32Array {
  const [height = 1, width = 1] = size
  const transforms = new Float32Array(rows.length * 8)
  for (const [index, row] of rows.entries())
    transforms.set(warpTransform(drawWarp(augmentation, seed, epoch, row, height, width), height, width), index * 8)
  return transforms
}

/** The update rule's numbers for the optimizer's step t, and the learning rate they were made from: the schedule's times the factor. */
export function rateFeeds(
  optimizer: Optimizer,
  rule: UpdateRule,
  t: number,
  stepsPerEpoch: number,
  rateFactor: number,
): { readonly learningRate: number; readonly feeds: Readonly<Record<string, Feed>> } {
  const learningRate = learningRateAt(optimizer.learningRate, t, stepsPerEpoch) * rateFactor
  const feeds = rule.rates(learningRate, t).map((rate, index) => [`rate${index}`, Float32Array.of(rate)] as const)
  return { learningRate, feeds: Object.fromEntries(feeds) }
}
