/** `runner plan FILE`: the network, and what training it on these images will take. Nothing is trained. */
import { splitNames } from '../dataset/manifest.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import { Fault } from '../diagnostics/diagnostic.ts'
import { imageSource, rowBytes } from '../engine/images.ts'
import { foldOf, type Experiment } from '../experiment/experiment.ts'
import { layoutGroups } from '../experiment/layout.ts'
import type { Sweep } from '../experiment/load-experiment.ts'
import { classWeightValues } from '../network/class-weights.ts'
import { estimateMemory, type MemoryEstimate, type MemoryOptions } from '../network/memory.ts'
import type { Network } from '../network/plan.ts'
import { renderMemory } from '../network/render-memory.ts'
import { renderPlan } from '../network/render-plan.ts'
import { learningRateAt, stepsPerEpoch } from '../network/schedule.ts'
import { loadChecked } from './load.ts'
import { prepareData, requireRunsFolder, type Preparation } from './prepare.ts'

export interface WholePlan {
  readonly experiment: Experiment
  readonly network: Network
  /** Null where the images are at fault: what needs none is planned all the same. */
  readonly dataset: PreparedDataset | null
  /** Null, or absent, where the file stands for one run. */
  readonly sweep?: Sweep | null
}

/** What depends on the images. */
interface DataPlan {
  readonly experiment: Experiment
  readonly dataset: PreparedDataset
}

export interface PlanRequest extends Preparation {
  readonly file: string
  readonly set: readonly string[]
  /** Told at once of what needs no images, whatever becomes of the rest. */
  readonly onNetwork: (network: Network) => void
}

/** Throws `Fault` where the file is at fault. What is at fault with the images stands beside the rest of the plan. */
export async function planExperiment({ file, set, onNetwork, ...preparation }: PlanRequest): Promise<WholePlan & { fault: Fault | null }> {
  const { located, network, sweep, diagnostics, sources } = await loadChecked(file, set, preparation.workspace)
  const { experiment } = located
  if (diagnostics.length > 0) preparation.listen({ type: 'warnings', diagnostics, sources })
  onNetwork(network)
  try {
    await requireRunsFolder(preparation.workspace)
    return { experiment, network, sweep, dataset: await prepareData(located, sources, preparation), fault: null }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { experiment, network, sweep, dataset: null, fault: error }
  }
}

/** Lines without a trailing newline. */
export function renderWholePlan(plan: WholePlan): string {
  return [renderPlan(plan.network), '', renderTrainingPlan(plan)].join('\n')
}

/** Everything but the network: the split, steps, learning rates and class weights of these images, and memory. */
export function renderTrainingPlan({ experiment, network, dataset }: WholePlan): string {
  const data = dataset && { experiment, dataset }
  const memory = renderMemory(memoryOf({ experiment, network, dataset }), experiment)
  return [...(data ? [...splitLines(data), '', ...trainingLines(data), ''] : []), memory].join('\n')
}

export function memoryOf(plan: WholePlan): MemoryEstimate {
  return estimateMemory(plan.network, memoryOptions(plan))
}

export function memoryOptions({ experiment, dataset }: Pick<WholePlan, 'experiment' | 'dataset'>): MemoryOptions {
  const { optimizer, training, evaluation, runtime } = experiment
  const images = dataset && {
    bytes: dataset.pack.rows * rowBytes(dataset.pack),
    isResident: imageSource(dataset.pack, runtime.imageBudget) === 'table',
  }
  return { optimizer, batchSize: training.batchSize, evaluationBatchSize: evaluation.batchSize, images }
}

/** Images of each class on each side, whose they are, and which fold it is. */
export function splitLines({ experiment, dataset }: DataPlan): string[] {
  const { classes } = experiment.dataset
  const who = groupWord(experiment)
  const heading = ['', 'images', ...classes.map(({ name }) => name), ...(who === null ? [] : [who])]
  const rows = splitNames.map((split) => {
    const { classes: images, groups } = dataset.counts[split]
    return [split, ...[sum(images), ...images, ...(who === null ? [] : [groups])].map((count) => count.toLocaleString('en-US'))]
  })
  const widths = heading.map((_, column) => Math.max(...[heading, ...rows].map((row) => (row[column] ?? '').length)))
  const table = [heading, ...rows].map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('   '),
  )
  return [...table, ...foldLines(experiment)]
}

/** One line, or none without folds. */
export function foldLines(experiment: Experiment): string[] {
  const fold = foldOf(experiment)
  return fold ? [`validation is fold ${fold.number} of ${fold.of}; the test is the same for all folds`] : []
}

/** What the layout calls those whose images belong together: `patients`. Null where every image stands for itself. */
export function groupWord({ dataset: { layout }, split }: Experiment): string | null {
  const word = split.kind === 'draw' && split.by !== 'image' ? split.by : layoutGroups(layout)[0]
  if (word !== undefined) return `${word}s`
  return split.kind === 'manifest' ? 'groups' : null
}

export interface Steps {
  readonly perEpoch: number
  readonly total: number
  /** Of the first and of the last step. */
  readonly learningRates: readonly [first: number, last: number]
  /** One factor a class. */
  readonly classWeights: readonly number[]
}

/** How the training goes through these images. */
export function stepsOf({ experiment, dataset }: DataPlan): Steps {
  const { training, optimizer, classWeights } = experiment
  const images = dataset.counts.train.classes
  const perEpoch = stepsPerEpoch(sum(images), training.batchSize)
  const total = training.epochs * perEpoch
  const rateAt = (step: number): number => learningRateAt(optimizer.learningRate, step, perEpoch)
  return { perEpoch, total, learningRates: [rateAt(0), rateAt(total - 1)], classWeights: classWeightValues(classWeights, images) }
}

function trainingLines({ experiment, dataset }: DataPlan): string[] {
  const { training, optimizer } = experiment
  const { perEpoch, total, learningRates, classWeights } = stepsOf({ experiment, dataset })
  const [first, last] = learningRates.map(shortened)
  const weights = classWeights.map((weight, index) => `${experiment.dataset.classes[index]?.name ?? ''} ${shortened(weight)}`)
  return [
    `${training.epochs} epochs of ${perEpoch} steps with ${training.batchSize} images each, ${total.toLocaleString('en-US')} steps in all`,
    `${optimizer.kind}, learning rate ${first ?? ''} in the first step and ${last ?? ''} in the last`,
    `class weights: ${weights.join(', ')}`,
  ]
}

/** Four digits that count. */
function shortened(value: number): string {
  return Number(value.toPrecision(4)).toString()
}

function sum(counts: readonly number[]): number {
  return counts.reduce((a, b) => a + b, 0)
}
