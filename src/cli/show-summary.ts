/** The end of a training: the result as a table, and where to see more. */
import type { Evaluation, WeightsEvaluation } from '../evaluation/evaluate.ts'
import { groupWord } from '../run/plan.ts'
import type { Evaluations, Finished, RunSummary } from '../run/story.ts'
import { caveats } from './caveats.ts'
import { shownPath } from './show-run.ts'
import { counted, duration, paint } from './terminal.ts'

export interface SummaryOptions {
  readonly color: boolean
  readonly cwd: string
  /** Since the command began. */
  readonly seconds: number
}

export function renderSummary(summary: RunSummary, { color, cwd, seconds }: SummaryOptions): string {
  const { experiment, dataset, folder } = summary
  const facts: (readonly [string, string])[] = [
    ['run', shownPath(folder.path, cwd)],
    ['MLflow', whereToSee(summary)],
  ]
  if (summary.status === 'interrupted') {
    const committed = `interrupted after epoch ${summary.epochs} of ${experiment.training.epochs}`
    const kept = summary.epochs > 0 ? '; its checkpoint is kept, and runner resume goes on from there' : '; nothing was trained to keep'
    return ['', `  ${committed}${kept}`, '', ...factLines(facts, color)].join('\n')
  }
  if (summary.status === 'validated') {
    const scores = metricColumns.flatMap(([head, name]) => {
      const value = summary.metrics[`val/${name}`]
      return value === undefined ? [] : [`${head} ${value.toFixed(4)}`]
    })
    return ['', `  a trial of a sweep, judged on validation: ${scores.join(', ')}`, '', ...factLines(facts, color)].join('\n')
  }
  const memory = `the engine's memory at most ${(summary.result.peakMemoryBytes / 2 ** 30).toFixed(1)} GiB`
  return [
    '',
    ...caveats(experiment, dataset, color),
    ...resultTable(summary, color),
    '',
    ...factLines([...facts, ['took', `${duration(seconds)}; ${memory}`]], color),
  ].join('\n')
}

function factLines(facts: readonly (readonly [string, string])[], color: boolean): string[] {
  return facts.map(([name, fact]) => `  ${paint(name.padEnd(8), 'dim', color)}${fact}`)
}

function whereToSee({ tracking: { isComplete, url }, folder, experiment }: RunSummary): string {
  if (!experiment.tracking.enabled) return 'not told: tracking.enabled is false'
  if (!isComplete) return `has not got everything yet: ./runner sync ${folder.id}`
  return url ?? `./runner ui ${folder.id}`
}

const metricColumns = [
  ['AUC', 'roc_auc'],
  ['balanced', 'balanced_accuracy'],
  ['F1', 'f1'],
  ['sensitivity', 'sensitivity'],
  ['specificity', 'specificity'],
] as const

interface Row {
  readonly name: string
  readonly threshold: string
  readonly cells: readonly string[]
  readonly style: 'bold' | 'dim' | null
}

/** Test, with the selected and the last weights, at .5 and at the threshold that was chosen on validation. */
function resultTable(summary: RunSummary & Finished, color: boolean): string[] {
  const { evaluations, experiment, dataset } = summary
  const { classes, groups } = dataset.counts.test
  const who = groupWord(experiment)
  const images = `test: ${counted(classes.reduce((a, b) => a + b, 0))} images`
  const title = who === null ? images : `${images} of ${counted(groups)} ${who}`
  const columns = metricColumns.filter(([, name]) => evaluations.selected.test.metrics[name] !== undefined)
  const rows = rowsOf(
    evaluations,
    columns.map(([, name]) => name),
    who ?? 'images',
  )
  const width = Math.max(title.length, ...rows.map(({ name }) => name.length))
  const line = (name: string, threshold: string, cells: readonly string[]): string =>
    `  ${name.padEnd(width)}${threshold.padStart(13)}${cells.map((cell) => cell.padStart(13)).join('')}`
  return [
    paint(
      line(
        title,
        'threshold',
        columns.map(([head]) => head),
      ),
      'dim',
      color,
    ),
    ...rows.map(({ name, threshold, cells, style }) => {
      const text = line(name, threshold, cells)
      return style === null ? text : paint(text, style, color)
    }),
  ]
}

function rowsOf({ selected, last }: Evaluations, metrics: readonly string[], who: string): Row[] {
  if (selected.epoch === last.epoch) return weightsRows(`last weights, epoch ${last.epoch}`, last, metrics, who)
  return [
    ...weightsRows(`selected weights, epoch ${selected.epoch}`, selected, metrics, who),
    ...weightsRows(`last weights, epoch ${last.epoch}`, last, metrics, null),
  ]
}

/** The first row's headline is bold, with its interval beneath, where `who` names those who were resampled. */
function weightsRows(name: string, { test, chosen }: WeightsEvaluation, metrics: readonly string[], who: string | null): Row[] {
  const row = (title: string, { threshold, metrics: values }: Evaluation, style: Row['style']): Row => ({
    name: title,
    threshold: threshold === null ? 'most likely' : threshold.toFixed(3),
    cells: metrics.map((metric) => values[metric]?.toFixed(4) ?? '–'),
    style,
  })
  const interval = ({ intervals }: Evaluation): Row => ({
    name: `  95 % over ${who ?? ''}`,
    threshold: '',
    cells: metrics.map((metric) => {
      const range = intervals[metric]
      return range ? `${range.low.toFixed(3)}–${range.high.toFixed(3)}` : ''
    }),
    style: 'dim',
  })
  const other = chosen && chosen.test.threshold !== test.threshold ? chosen.test : null
  const main = other ?? test
  return [
    row(name, test, who !== null && main === test ? 'bold' : null),
    ...(other ? [row('  threshold from validation', other, who === null ? null : 'bold')] : []),
    ...(who === null ? [] : [interval(main)]),
  ]
}
