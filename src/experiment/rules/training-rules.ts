/** What the schema cannot say about loss, weights, learning rate and choices. */
import type { Finding, Rule } from '../rule.ts'
import { goalOf } from '../schema/training.ts'
import { wayOut } from '../sentences.ts'

const error = 'error'

const lossClasses: Rule = {
  id: 'loss-classes',
  severity: error,
  check: ({ written: { dataset, loss } }) =>
    loss === 'binaryCrossentropy' && dataset.classes.length !== 2
      ? [
          {
            path: ['loss'],
            message: 'binaryCrossentropy tells two classes apart',
            received: `${dataset.classes.length} classes`,
            hint: 'Write loss: categoricalCrossentropy.',
          },
        ]
      : [],
}

const classWeightNames: Rule = {
  id: 'class-weight-unknown',
  severity: error,
  check: ({ written: { dataset, classWeights } }) => {
    const names = dataset.classes.map(({ name }) => name)
    const unknown = typeof classWeights === 'string' ? [] : Object.keys(classWeights).filter((name) => !names.includes(name))
    return unknown.map((name) => ({ path: ['classWeights', name], isKey: true, message: `"${name}" is no class`, ...wayOut(name, names) }))
  },
}

const classWeightMissing: Rule = {
  id: 'class-weight-missing',
  severity: error,
  check: ({ written: { dataset, classWeights } }) => {
    if (typeof classWeights === 'string') return []
    const missing = dataset.classes.map(({ name }) => name).filter((name) => !(name in classWeights))
    return missing.map((name) => ({
      path: ['classWeights'],
      message: `the class "${name}" has no weight`,
      hint: `Add ${name}: 1, or whatever its images should count.`,
    }))
  },
}

const decayBesideCurve: Rule = {
  id: 'decay-beside-curve',
  severity: error,
  check: ({ written: { optimizer } }) =>
    Object.entries(optimizer).flatMap(([kind, { learningRate, decay }]): Finding[] =>
      typeof learningRate === 'number' || decay === null
        ? []
        : [
            {
              path: ['optimizer', kind, 'decay'],
              message: 'decay changes a learning rate that already follows a curve',
              hint: 'Remove it (decay: null where it is inherited), or write learningRate as a number.',
            },
          ],
    ),
}

const warmupTooLong: Rule = {
  id: 'warmup-too-long',
  severity: error,
  check: ({ written: { optimizer, training } }) =>
    Object.entries(optimizer).flatMap(([kind, { learningRate }]): Finding[] => {
      const epochs = typeof learningRate === 'number' ? 0 : (learningRate.warmup?.epochs ?? 0)
      if (epochs < training.epochs) return []
      const path = ['optimizer', kind, 'learningRate', 'warmup', 'epochs']
      const message = 'the warm-up is as long as the training, so the learning rate is never reached'
      return [{ path, message, expected: `fewer than ${training.epochs} epochs`, received: String(epochs) }]
    }),
}

const twoClassMetrics: readonly string[] = ['val/sensitivity', 'val/specificity']

const metricNeverLogged: Rule = {
  id: 'metric-never-logged',
  severity: error,
  check: ({ written: { dataset, training, sweep } }) =>
    [
      { path: ['training', 'select', 'metric'], metric: training.select?.metric },
      { path: ['training', 'earlyStopping', 'metric'], metric: training.earlyStopping?.metric },
      { path: ['sweep', 'metric'], metric: sweep?.metric },
    ].flatMap(({ path, metric }): Finding[] => {
      if (dataset.classes.length === 2 || metric === undefined || !twoClassMetrics.includes(metric)) return []
      const message = `${metric} needs a positive class, which ${dataset.classes.length} classes do not have`
      return [{ path, message, hint: 'Choose by val/balanced_accuracy or val/roc_auc.' }]
    }),
}

const goalBackwards: Rule = {
  id: 'goal-backwards',
  severity: error,
  check: ({ written: { training } }) =>
    (['select', 'earlyStopping'] as const).flatMap((key): Finding[] => {
      const choice = training[key]
      if (!choice) return []
      const better = goalOf(choice.metric)
      if (choice.goal === better) return []
      const message = `${choice.metric} is better the ${better === 'minimize' ? 'lower' : 'higher'} it is`
      return [{ path: ['training', key, 'goal'], message, expected: better, received: choice.goal }]
    }),
}

const thresholdClasses: Rule = {
  id: 'threshold-classes',
  severity: error,
  check: ({ written: { dataset, evaluation }, isWritten }) =>
    dataset.classes.length > 2 && isWritten(['evaluation', 'threshold'])
      ? [
          {
            path: ['evaluation', 'threshold'],
            message: 'with more than two classes the most probable one is taken',
            received: typeof evaluation.threshold === 'object' ? JSON.stringify(evaluation.threshold) : String(evaluation.threshold),
            hint: 'Remove the key.',
          },
        ]
      : [],
}

const precisionOnCpu: Rule = {
  id: 'precision-on-cpu',
  severity: error,
  check: ({ written: { runtime } }) =>
    runtime.device === 'cpu' && runtime.precision !== 'float32'
      ? [
          {
            path: ['runtime', 'precision'],
            message: 'the CPU computes in float32 only',
            received: runtime.precision,
            hint: 'Write precision: float32, or device: gpu.',
          },
        ]
      : [],
}

export const trainingRules: readonly Rule[] = [
  lossClasses,
  classWeightNames,
  classWeightMissing,
  decayBesideCurve,
  warmupTooLong,
  metricNeverLogged,
  goalBackwards,
  thresholdClasses,
  precisionOnCpu,
]
