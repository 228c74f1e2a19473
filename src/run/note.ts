/** The run's note in MLflow: what a person wants to know first, warnings before numbers. */
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { Evaluation } from '../evaluation/evaluate.ts'
import { describeRule } from '../evaluation/threshold.ts'
import type { Experiment } from '../experiment/experiment.ts'
import { headline } from './results.ts'
import type { Evaluations } from './story.ts'

const shown = ['roc_auc', 'average_precision', 'balanced_accuracy', 'f1', 'sensitivity', 'specificity'] as const

const words: Readonly<Record<string, string>> = {
  roc_auc: 'area under ROC',
  balanced_accuracy: 'balanced accuracy',
  sensitivity: 'sensitivity',
  specificity: 'specificity',
}

function keyNumbers({ metrics, intervals }: Evaluation): string[] {
  return Object.entries(words).flatMap(([name, called]) => {
    const [value, range] = [metrics[name], intervals[name]]
    if (value === undefined) return []
    return [`${called} ${value.toFixed(3)}${range ? ` (${range.low.toFixed(3)} to ${range.high.toFixed(3)})` : ''}`]
  })
}

export function describeNote(experiment: Experiment, dataset: PreparedDataset, { selected }: Evaluations): string {
  const evaluation = headline(selected)
  const groups = dataset.counts.test.groups
  const images = dataset.counts.test.classes.reduce((a, b) => a + b, 0)
  // Else every image is a group of its own.
  const isGrouped = groups < images
  const rows = shown.flatMap((name) => {
    const value = evaluation.metrics[name]
    const range = evaluation.intervals[name]
    if (value === undefined) return []
    // MLflow's pages put no space between the columns of a table.
    return [`| ${name}&emsp; | ${value.toFixed(3)}&emsp; | ${range ? `${range.low.toFixed(3)} to ${range.high.toFixed(3)}` : ''} |`]
  })
  const warnings = [
    ...(dataset.isSynthetic ? ['**SYNTHETIC DATA: these numbers say nothing about patients.**'] : []),
    ...(dataset.leakage === null
      ? []
      : [`**LEAKY SPLIT: images of one patient stand on both sides (${dataset.leakage}). The score flatters.**`]),
  ]
  const [first = '', ...others] = keyNumbers(evaluation)
  const threshold =
    evaluation.threshold === null
      ? ''
      : ` at threshold ${evaluation.threshold.toFixed(3)}, chosen ${describeRule(experiment.evaluation.threshold)},`
  return [
    ...warnings.flatMap((warning) => [warning, '']),
    // MLflow folds a note after a few lines: the numbers first.
    `**Test: ${first}**${others.map((number) => `, ${number}`).join('')}.`,
    '',
    `The weights of epoch ${selected.epoch} of ${experiment.training.epochs}${threshold} on ${images} test images${isGrouped ? ` of ${groups} groups` : ''}; 95 % intervals from a bootstrap over ${isGrouped ? 'groups' : 'images'}.`,
    '',
    '| metric | test | 95 % |',
    '|:---|:---|:---|',
    ...rows,
  ].join('\n')
}
