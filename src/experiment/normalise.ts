/** From the written form to the experiment: words become numbers, names become indices, shares of shares become shares. */
import path from 'node:path'
import { normaliseLayers } from './normalise-layers.ts'
import { normaliseOptimizer } from './normalise-optimizer.ts'
import type { Augmentation, ClassWeights, Dataset, Experiment, Split } from './experiment.ts'
import type { Written } from './schema/experiment-schema.ts'

/** What the file alone does not say. */
export interface Surroundings {
  readonly projectRoot: string
  /** Folder of the file that says `split.manifest`. */
  readonly manifestFolder: string
  /** `dataset.root` before variables were replaced. */
  readonly rootAsWritten: string
  readonly isDefaultRoot: boolean
}

/** Total: where a rule forbids what is written, something stands in its place that is never used. */
export function normaliseExperiment(written: Written, surroundings: Surroundings): Experiment {
  const { version, name, description, seed, loss, training, evaluation, runtime, tracking, rules } = written
  return {
    version,
    name,
    description,
    seed,
    dataset: normaliseDataset(written.dataset, surroundings),
    split: normaliseSplit(written.split, seed, surroundings),
    augmentation: normaliseAugmentation(written.augmentation),
    model: { layers: normaliseLayers(written.model.layers, written.dataset.classes.length) },
    loss,
    optimizer: normaliseOptimizer(written.optimizer, training.epochs),
    classWeights: normaliseClassWeights(written.classWeights, written.dataset.classes),
    training,
    evaluation,
    runtime,
    tracking: { ...tracking, experiment: tracking.experiment ?? name },
    rules,
  }
}

function normaliseDataset(written: Written['dataset'], { projectRoot, rootAsWritten, isDefaultRoot }: Surroundings): Dataset {
  const positive = written.classes.findIndex(({ name }) => name === written.positive)
  return {
    ...written,
    root: path.resolve(projectRoot, written.root),
    rootAsWritten,
    isDefaultRoot,
    positive: positive < 0 ? null : positive,
  }
}

function normaliseSplit(written: Written['split'], seed: number, { manifestFolder }: Surroundings): Split {
  if (written.manifest !== undefined) return { kind: 'manifest', manifest: path.resolve(manifestFolder, written.manifest) }
  if (written.by === undefined) return { kind: 'layout' }
  const { by, test, validation, stratify, allowLeakage, folds, fold } = written
  const ofAll = typeof validation === 'number' ? validation : withoutNoise(validation.ofTraining * (1 - test))
  const cross = folds === null ? null : { number: fold ?? 1, of: folds }
  return { kind: 'draw', by, test, validation: ofAll, seed: written.seed ?? seed, stratify, allowLeakage, fold: cross }
}

/** 0.8 · 0.1 is 0.08, not 0.08000000000000002. */
function withoutNoise(value: number): number {
  return Number(value.toPrecision(15))
}

function normaliseAugmentation(written: Written['augmentation']): Augmentation | null {
  if (!written) return null
  const { zoom, shift } = written
  return {
    ...written,
    zoom: typeof zoom === 'number' ? [zoom, zoom] : [zoom.in, zoom.out],
    shift: typeof shift === 'number' ? { width: shift, height: shift } : shift,
  }
}

function normaliseClassWeights(written: Written['classWeights'], classes: Written['dataset']['classes']): ClassWeights {
  if (typeof written === 'string') return { kind: written }
  return { kind: 'explicit', weights: classes.map(({ name }) => written[name] ?? 1) }
}
