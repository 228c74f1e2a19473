/** A run as one HTML file: what it was, what makes its numbers mean something else, how good it is, where it errs. */
import { predictedClasses, columnOf } from '../evaluation/decisions.ts'
import type { Evaluation, Judgement, Predictions, WeightsEvaluation } from '../evaluation/evaluate.ts'
import { renderClassificationReport } from '../evaluation/classification-report.ts'
import { parseLayout } from '../dataset/layout.ts'
import { figure, folded, html, page, paragraphs, table, type Markup } from './page.ts'
import { slideMapLegend, slideMaps } from './slide-map.ts'

export interface RunToShow {
  readonly name: string
  readonly run: string
  /** Said loudly, before every number. */
  readonly caveats: readonly string[]
  readonly judgement: Judgement
  /** Of the weights that were selected. */
  readonly evaluation: WeightsEvaluation
  readonly test: Predictions
  /** The template by which paths are read: patches lie on maps where it has x and y. */
  readonly layout: string
  readonly testReadings: number
  /** Rows of name and value: versions, device, commit. */
  readonly provenance: readonly (readonly [string, string])[]
  /** SVGs with a description each. */
  readonly pictures: readonly { readonly svg: string; readonly description: string }[]
  /** Files of the run folder, shown as they are: audit, plan, experiment. */
  readonly texts: readonly { readonly title: string; readonly text: string }[]
}

export async function runPage(run: RunToShow): Promise<string> {
  const { evaluation, test, judgement } = run
  const point = evaluation.chosen?.test ?? evaluation.test
  return page(run.name, [
    ...paragraphs(run.caveats, 'alarm'),
    html`<p>
      Run <code>${run.run}</code>. Weights of epoch ${evaluation.epoch}; ${test.rows.length.toLocaleString('en-US')} test images of
      ${evaluation.groups.length} groups, read ${run.testReadings === 1 ? 'once' : `${run.testReadings} times`} by now.
    </p>`,
    html`<h2>Numbers</h2>`,
    numbers(evaluation),
    ...paragraphs(
      ['In brackets 95 % from a bootstrap that draws groups (patients), not images. The threshold was chosen on validation.'],
      'note',
    ),
    html`<pre>${renderClassificationReport(point.report)}</pre>`,
    html`<h2>Curves</h2>`,
    html`<div class="maps">${run.pictures.map(({ svg, description }) => figure(svg, 'image/svg+xml', description))}</div>`,
    html`<h2>Where it errs</h2>`,
    ...(await maps(run, point)),
    html`<h3>Groups, worst first</h3>`,
    table(
      ['group', 'images', 'errors at .5', 'accuracy'],
      evaluation.groups.map(({ group, images, errors, accuracy }) => [group, images, errors, accuracy.toFixed(3)]),
    ),
    html`<h3>Wrong, and most certain of it</h3>`,
    mostWrong(test, judgement, point.threshold),
    html`<h2>What was run</h2>`,
    table(['', ''], run.provenance),
    ...run.texts.map(({ title, text }) => folded(title, text)),
  ])
}

function numbers({ validation, test, chosen }: WeightsEvaluation): Markup {
  const points: readonly { readonly name: string; readonly evaluation: Evaluation }[] = [
    ...(chosen ? [{ name: 'test, threshold from validation', evaluation: chosen.test }] : []),
    { name: test.threshold === null ? 'test' : 'test, threshold .5', evaluation: test },
    ...(chosen ? [{ name: 'validation, its threshold', evaluation: chosen.validation }] : []),
    { name: validation.threshold === null ? 'validation' : 'validation, threshold .5', evaluation: validation },
  ]
  const cell = ({ metrics, intervals }: Evaluation, name: string): string => {
    const range = intervals[name]
    // Not defined, such as the share of right ones among none.
    if (!Number.isFinite(metrics[name])) return '–'
    const value = (metrics[name] ?? NaN).toFixed(4)
    return range ? `${value} (${range.low.toFixed(3)} to ${range.high.toFixed(3)})` : value
  }
  const thresholds = points.some(({ evaluation }) => evaluation.threshold !== null)
    ? [['threshold', ...points.map(({ evaluation }) => evaluation.threshold?.toFixed(3) ?? '–')]]
    : []
  const rows = Object.keys(test.metrics).map((name) => [name, ...points.map(({ evaluation }) => cell(evaluation, name))])
  return table(['', ...points.map(({ name }) => name)], [...thresholds, ...rows])
}

/** None where the layout has no place, or there is no positive class. */
async function maps({ test, judgement, layout }: RunToShow, { threshold }: Evaluation): Promise<Markup[]> {
  const { classes, positive } = judgement
  if (positive === null) return []
  const { read } = parseLayout(layout)
  const called = predictedClasses(test.probabilities, classes.length, positive, threshold ?? 0.5)
  const scores = columnOf(test.probabilities, classes.length, positive)
  const placed = test.rows.flatMap((row, index) => {
    const { x = null, y = null } = read(row.path) ?? {}
    if (x === null || y === null) return []
    return [
      {
        group: row.group,
        x,
        y,
        isPositive: row.class === positive,
        isCalled: called[index] === positive,
        probability: scores[index] ?? 0,
      },
    ]
  })
  if (placed.length === 0) return []
  const figures = (await slideMaps(placed)).map(
    ({ group, images, errors, png }) =>
      html`<div>${figure(png, 'image/png', `Slide map of ${group}`)}<span class="note">${group}: ${errors} of ${images} wrong</span></div>`,
  )
  return [html`<h3>Slide maps</h3>`, ...paragraphs([slideMapLegend], 'note'), html`<div class="maps">${figures}</div>`]
}

const mostShown = 25

function mostWrong({ rows, probabilities }: Predictions, { classes, positive }: Judgement, threshold: number | null): Markup {
  const called = predictedClasses(probabilities, classes.length, positive, threshold ?? 0.5)
  const wrong = rows.flatMap((row, index) => {
    const own = called[index] ?? 0
    return own === row.class ? [] : [{ row, own, probability: probabilities[index * classes.length + own] ?? 0 }]
  })
  wrong.sort((a, b) => b.probability - a.probability || (a.row.path < b.row.path ? -1 : 1))
  return table(
    ['image', 'group', 'is', 'called', 'probability of that'],
    wrong
      .slice(0, mostShown)
      .map(({ row, own, probability }) => [row.path, row.group, classes[row.class] ?? '', classes[own] ?? '', probability.toFixed(4)]),
  )
}
