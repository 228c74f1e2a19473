/** `runner plan FILE`: the network, and what training it on these images will take. Nothing is trained. */
import { splitNames } from '../dataset/manifest.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { Experiment } from '../experiment/experiment.ts'
import { layoutGroups } from '../experiment/layout.ts'
import { classWeightValues } from '../network/class-weights.ts'
import type { Network } from '../network/plan.ts'
import { renderPlan } from '../network/render-plan.ts'
import { learningRateAt, stepsPerEpoch } from '../network/schedule.ts'
import { loadChecked } from './load.ts'
import { prepareData, requireRunsFolder, type Preparation } from './prepare.ts'

export interface WholePlan {
  readonly experiment: Experiment
  readonly network: Network
  readonly dataset: PreparedDataset
}

export interface PlanRequest extends Preparation {
  readonly file: string
  readonly set: readonly string[]
  /** Told at once of what needs no images, whatever becomes of the rest. */
  readonly onNetwork: (network: Network) => void
}

/** Throws `Fault` where the file or its data are at fault. */
export async function planExperiment({ file, set, onNetwork, ...preparation }: PlanRequest): Promise<WholePlan> {
  const { located, network, diagnostics, sources } = await loadChecked(file, set, preparation.workspace)
  if (diagnostics.length > 0) preparation.listen({ type: 'warnings', diagnostics, sources })
  onNetwork(network)
  await requireRunsFolder(preparation.workspace)
  const dataset = await prepareData(located, sources, preparation)
  return { experiment: located.experiment, network, dataset }
}

/** Lines without a trailing newline. */
export function renderWholePlan(plan: WholePlan): string {
  return [renderPlan(plan.network), '', renderDataPlan(plan)].join('\n')
}

/** The part that depends on the images: the split, steps, learning rates, class weights. */
export function renderDataPlan(plan: Omit<WholePlan, 'network'>): string {
  return [...splitLines(plan), '', ...trainingLines(plan)].join('\n')
}

/** Images of each class on each side, and whose they are. */
export function splitLines({ experiment, dataset }: Omit<WholePlan, 'network'>): string[] {
  const { classes } = experiment.dataset
  const who = groupWord(experiment)
  const heading = ['', 'images', ...classes.map(({ name }) => name), ...(who === null ? [] : [who])]
  const rows = splitNames.map((split) => {
    const { classes: images, groups } = dataset.counts[split]
    return [split, ...[sum(images), ...images, ...(who === null ? [] : [groups])].map((count) => count.toLocaleString('en-US'))]
  })
  const widths = heading.map((_, column) => Math.max(...[heading, ...rows].map((row) => (row[column] ?? '').length)))
  return [heading, ...rows].map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('   '),
  )
}

/** What the layout calls those whose images belong together: `patients`. Null where every image stands for itself. */
export function groupWord({ dataset: { layout }, split }: Experiment): string | null {
  const word = split.kind === 'draw' && split.by !== 'image' ? split.by : layoutGroups(layout)[0]
  if (word !== undefined) return `${word}s`
  return split.kind === 'manifest' ? 'groups' : null
}

function trainingLines({ experiment, dataset }: Omit<WholePlan, 'network'>): string[] {
  const { training, optimizer, classWeights } = experiment
  const images = dataset.counts.train.classes
  const steps = stepsPerEpoch(sum(images), training.batchSize)
  const rateAt = (step: number): string => Number(learningRateAt(optimizer.learningRate, step, steps).toPrecision(4)).toString()
  const weights = classWeightValues(classWeights, images).map(
    (weight, index) => `${experiment.dataset.classes[index]?.name ?? ''} ${Number(weight.toPrecision(4))}`,
  )
  const { rows, width, height, channels } = dataset.pack
  return [
    `${training.epochs} epochs of ${steps} steps with ${training.batchSize} images each, ${(training.epochs * steps).toLocaleString('en-US')} steps in all`,
    `${optimizer.kind}, learning rate ${rateAt(0)} in the first step and ${rateAt(training.epochs * steps - 1)} in the last`,
    `class weights: ${weights.join(', ')}`,
    `${((rows * width * height * channels) / 2 ** 20).toFixed(1)} MiB of images as bytes`,
  ]
}

function sum(counts: readonly number[]): number {
  return counts.reduce((a, b) => a + b, 0)
}
