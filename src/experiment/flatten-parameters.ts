/** The resolved values as flat parameters for tracking: `optimizer.adagrad.learningRate` -> "0.01". */
import path from 'node:path'
import type { ClassWeights, Dataset, Experiment, Layer, Optimizer, Schedule, Split } from './experiment.ts'

/** Numbers are printed as short as they read back; the root as written, and of a manifest the file's name: no folder of this machine. */
export function flattenParameters(experiment: Experiment): Record<string, string> {
  const { dataset, model, classWeights } = experiment
  const names = dataset.classes.map(({ name }) => name)
  return Object.fromEntries(
    flatten('', {
      ...experiment,
      dataset: datasetParameters(dataset, names),
      split: splitParameters(experiment.split),
      model: { layers: summariseLayers(model.layers) },
      optimizer: optimizerParameters(experiment.optimizer),
      classWeights: classWeightParameters(classWeights, names),
      tracking: {},
      rules: {},
    }),
  )
}

function datasetParameters({ rootAsWritten, layout, positive, image, whenMissing, synthetic, onFault }: Dataset, names: readonly string[]) {
  const positiveName = positive === null ? null : (names[positive] ?? null)
  return { root: rootAsWritten, layout, classes: names, positive: positiveName, image, whenMissing, synthetic, onFault }
}

/** The stack in one line: `separableConv2d 32 3x3 relu > batchNormalization > … > dense 2 softmax`. */
export function summariseLayers(layers: readonly Layer[]): string {
  return layers.map(summariseLayer).join(' > ')
}

function summariseLayer(layer: Layer): string {
  const size = [
    'filters' in layer ? layer.filters : null,
    'units' in layer ? layer.units : null,
    'kernelSize' in layer ? layer.kernelSize.join('x') : null,
    'poolSize' in layer ? layer.poolSize.join('x') : null,
    'rate' in layer ? layer.rate : null,
    'alpha' in layer ? layer.alpha : null,
    'activation' in layer && layer.activation !== 'linear' ? layer.activation : null,
  ].filter((part) => part !== null)
  return [layer.kind, ...size].join(' ')
}

function splitParameters(split: Split) {
  switch (split.kind) {
    case 'manifest':
      return { manifest: path.basename(split.manifest) }
    case 'layout':
      return { from: 'layout' }
    case 'draw': {
      const { by, test, validation, seed, stratify, allowLeakage, fold } = split
      // Without folds there is nothing to say, and nothing was said before there were any.
      const cross = fold === null ? {} : { folds: fold.of, fold: fold.number }
      return { by, test, validation, seed, stratify, allowLeakage, ...cross }
    }
  }
}

function optimizerParameters({ kind, learningRate, ...options }: Optimizer) {
  return { [kind]: { ...scheduleParameters(learningRate), ...options } }
}

function scheduleParameters({ initial, warmupEpochs, curve }: Schedule) {
  const warmup = warmupEpochs === 0 ? {} : { 'learningRate.warmup.epochs': warmupEpochs }
  switch (curve.kind) {
    case 'constant':
      return { learningRate: initial, ...warmup }
    case 'inverseTimeDecay':
      return { learningRate: initial, decay: curve.decay, ...warmup }
    case 'cosine':
    case 'step': {
      const { kind, ...shape } = curve
      return { learningRate: initial, [`learningRate.${kind}`]: shape, ...warmup }
    }
  }
}

function classWeightParameters(classWeights: ClassWeights, names: readonly string[]) {
  if (classWeights.kind !== 'explicit') return classWeights.kind
  return Object.fromEntries(names.map((name, index) => [name, classWeights.weights[index]]))
}

function flatten(key: string, value: unknown): [string, string][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([name, child]) => flatten(key === '' ? name : `${key}.${name}`, child))
  }
  return [[key, Array.isArray(value) ? value.map(printValue).join(', ') : printValue(value)]]
}

function printValue(value: unknown): string {
  if (value === null) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
