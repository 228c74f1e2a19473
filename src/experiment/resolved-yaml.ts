/** The experiment as a file again, every value written out: `resolved.yaml`, which loads to the same experiment. */
import path from 'node:path'
import { stringify } from 'yaml'
import type { ClassWeights, Dataset, Experiment, Initializer, Layer, Optimizer, Schedule, Split } from './experiment.ts'
import { escapeVariables } from './variables.ts'

/** With `folder`, a split's manifest is written relative to it, as a file in that folder reads it. */
export function resolvedYaml(experiment: Experiment, folder?: string): string {
  const { dataset, split, augmentation, model, optimizer, classWeights, ...rest } = experiment
  const { version, name, description, seed, loss, training, evaluation, runtime, tracking, rules } = rest
  const written = {
    version,
    name,
    description: escapeVariables(description),
    seed,
    dataset: writeDataset(dataset),
    split: writeSplit(split, folder),
    augmentation: augmentation && { ...augmentation, zoom: { in: augmentation.zoom[0], out: augmentation.zoom[1] } },
    model: { layers: writeLayers(model.layers) },
    loss,
    optimizer: writeOptimizer(optimizer),
    classWeights: writeClassWeights(classWeights, dataset.classes),
    training,
    evaluation: writeEvaluation(evaluation, dataset.classes.length),
    runtime,
    tracking: escapeDeep(tracking),
    rules: escapeDeep(rules),
  }
  return stringify(withoutNulls(written), { version: '1.2', aliasDuplicateObjects: false, lineWidth: 0 })
}

function writeDataset({ rootAsWritten, layout, classes, positive, ...dataset }: Dataset) {
  const { image, whenMissing, synthetic, onFault } = dataset
  return {
    root: rootAsWritten,
    layout: escapeVariables(layout),
    classes: escapeDeep(classes),
    positive: positive === null ? null : escapeVariables(classes[positive]?.name ?? ''),
    image,
    whenMissing,
    synthetic,
    onFault,
  }
}

function writeSplit(split: Split, folder: string | undefined) {
  switch (split.kind) {
    case 'manifest':
      return { manifest: escapeVariables(folder === undefined ? split.manifest : path.relative(folder, split.manifest)) }
    case 'layout':
      return { from: 'layout' }
    case 'draw': {
      const { by, test, validation, seed, stratify, allowLeakage, fold } = split
      const reason = allowLeakage === null ? null : escapeVariables(allowLeakage)
      return { by, test, validation, seed, stratify, allowLeakage: reason, folds: fold?.of ?? null, fold: fold?.number ?? null }
    }
  }
}

/** A name that the layer's kind and number would give it anyway is left out. */
function writeLayers(layers: readonly Layer[]) {
  const counts = new Map<string, number>()
  return layers.map(({ kind, name, ...options }) => {
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    const written = Object.fromEntries(
      Object.entries(options).map(([key, value]) => [key, key.endsWith('Initializer') ? writeInitializer(value as Initializer) : value]),
    )
    return { ...(name === `${kind}_${count}` ? {} : { id: name }), [kind]: written }
  })
}

function writeInitializer({ kind, ...options }: Initializer) {
  return Object.keys(options).length === 0 ? kind : { [kind]: options }
}

function writeOptimizer({ kind, learningRate, ...options }: Optimizer) {
  return { [kind]: { learningRate: writeSchedule(learningRate), ...options } }
}

function writeSchedule({ initial, warmupEpochs, curve: { kind, ...shape } }: Schedule) {
  return { [kind]: { initial, ...shape }, ...(warmupEpochs === 0 ? {} : { warmup: { epochs: warmupEpochs } }) }
}

/** With more than two classes the most probable one is taken, and a threshold is refused. */
function writeEvaluation({ threshold, ...rest }: Experiment['evaluation'], classes: number) {
  return classes > 2 ? rest : { threshold, ...rest }
}

function writeClassWeights(classWeights: ClassWeights, classes: Dataset['classes']) {
  if (classWeights.kind !== 'explicit') return classWeights.kind
  return Object.fromEntries(classes.map(({ name }, index) => [name, classWeights.weights[index]]))
}

function escapeDeep(value: unknown): unknown {
  if (typeof value === 'string') return escapeVariables(value)
  if (Array.isArray(value)) return value.map(escapeDeep)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, escapeDeep(child)]))
}

/** What is null is left out: its default says the same. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, child]) => child !== null)
      .map(([key, child]) => [key, withoutNulls(child)]),
  )
}
