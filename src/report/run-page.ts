/** A run as one HTML file: what it was, what makes its numbers mean something else, how good it is, where it errs. */
import type { Evaluation, Judgement, Predictions, Scores, WeightsEvaluation } from '../evaluation/evaluate.ts'
import { mostCertainErrors } from '../evaluation/errors.ts'
import { describeRule } from '../evaluation/threshold.ts'
import { renderClassificationReport } from '../evaluation/classification-report.ts'
import { block, colourKey, contents, figure, folded, heading, html, page, paragraphs, table, type Markup } from './page.ts'
import { occlusionLegend } from './occlusion-map.ts'
import { classKey, slideMapLegend, type SlideMap } from './slide-map.ts'
import type { Table } from './tables.ts'

export interface RunToShow {
  readonly name: string
  readonly run: string
  /** Said loudly, before every number. */
  readonly caveats: readonly string[]
  readonly judgement: Judgement
  /** Of the weights that were selected. */
  readonly evaluation: WeightsEvaluation
  readonly test: Predictions
  readonly testReadings: number
  /** Rows of name and value: versions, device, commit. */
  readonly provenance: readonly (readonly [string, string])[]
  /** SVGs with a description each. */
  readonly pictures: readonly { readonly svg: string; readonly description: string }[]
  /** None where the layout has no place. */
  readonly slides: readonly SlideMap[]
  /** The patches of the most certain errors as a PNG; null where they are not there any more. */
  readonly sheet: Uint8Array | null
  /** What calls rest on, where that was looked into: patches with their maps as a PNG, and the figures to them. */
  readonly occlusion: { readonly sheet: Uint8Array; readonly table: Table } | null
  /** Files of the run folder, shown as they are: audit, plan, experiment. */
  readonly texts: readonly { readonly title: string; readonly text: string }[]
}

const sections = ['Numbers', 'Curves', 'Where it errs', 'What was run'] as const

export function runPage(run: RunToShow): string {
  const { evaluation } = run
  const point = evaluation.chosen?.test ?? evaluation.test
  return page(run.name, [
    ...paragraphs(run.caveats, 'alarm'),
    contents(sections),
    html`<p>
      Run <code>${run.run}</code>. Weights of epoch ${evaluation.epoch}; ${testSize(run)}, read
      ${run.testReadings === 1 ? 'once' : `${run.testReadings} times`} by now.
    </p>`,
    heading('Numbers'),
    numbers(evaluation),
    ...paragraphs(
      [
        `In brackets 95 % from a bootstrap that draws ${isGrouped(run) ? 'groups (patients), not images' : 'images'}.`,
        ...(evaluation.chosen ? [`The other threshold than .5 was chosen ${describeRule(evaluation.chosen.rule)}.`] : []),
      ],
      'note',
    ),
    ...againstRest(evaluation.test),
    html`<h3>Classification report</h3>`,
    block(renderClassificationReport(point.report)),
    heading('Curves'),
    html`<div class="maps">${run.pictures.map(({ svg, description }) => figure(svg, 'image/svg+xml', description))}</div>`,
    heading('Where it errs'),
    ...maps(run),
    ...groupTable(run, point),
    ...mostWrong(run, point.threshold),
    ...restsOn(run),
    heading('What was run'),
    table(['', ''], run.provenance),
    ...run.texts.map(({ title, text }) => folded(title, text)),
  ])
}

function testSize(run: RunToShow): string {
  const images = `${run.test.rows.length.toLocaleString('en-US')} test images`
  return isGrouped(run) ? `${images} of ${run.evaluation.groups.length.toLocaleString('en-US')} groups` : images
}

/** Else every image is a group of its own. */
function isGrouped({ test, evaluation: { groups } }: RunToShow): boolean {
  return groups.length < test.rows.length
}

function groupTable(run: RunToShow, { threshold }: Evaluation): Markup[] {
  if (!isGrouped(run)) return []
  const { groups } = run.evaluation
  const isBinary = threshold !== null
  const rows = groups.map(({ group, images, errors, missed, accuracy }) => [
    group,
    images,
    errors,
    ...(isBinary ? [missed ?? 0, errors - (missed ?? 0)] : []),
    accuracy.toFixed(3),
  ])
  return [
    html`<h3>Groups, worst first</h3>`,
    ...paragraphs(isBinary ? [`At threshold ${threshold.toFixed(3)}.`] : [], 'note'),
    table(['group', 'images', 'errors', ...(isBinary ? ['missed positives', 'false alarms'] : []), 'accuracy'], rows),
  ]
}

/** None with a positive class. */
function againstRest({ againstRest: classes }: Evaluation): Markup[] {
  if (!classes) return []
  const names = Object.keys(Object.values(classes)[0]?.metrics ?? {})
  const rows = Object.entries(classes).map(([name, scores]) => [name, ...names.map((metric) => cell(scores, metric))])
  return [html`<h3>Each class against the rest</h3>`, table(['class', ...names], rows)]
}

function cell({ metrics, intervals }: Scores, name: string): string {
  const range = intervals[name]
  // Not defined, such as the share of right ones among none.
  if (!Number.isFinite(metrics[name])) return '–'
  const value = (metrics[name] ?? NaN).toFixed(4)
  return range ? `${value} (${range.low.toFixed(3)} to ${range.high.toFixed(3)})` : value
}

function numbers({ validation, test, chosen }: WeightsEvaluation): Markup {
  const points: readonly { readonly name: string; readonly evaluation: Evaluation }[] = [
    ...(chosen ? [{ name: 'test, threshold from validation', evaluation: chosen.test }] : []),
    { name: test.threshold === null ? 'test' : 'test, threshold .5', evaluation: test },
    ...(chosen ? [{ name: 'validation, its threshold', evaluation: chosen.validation }] : []),
    { name: validation.threshold === null ? 'validation' : 'validation, threshold .5', evaluation: validation },
  ]
  const thresholds = points.some(({ evaluation }) => evaluation.threshold !== null)
    ? [['threshold', ...points.map(({ evaluation }) => evaluation.threshold?.toFixed(3) ?? '–')]]
    : []
  const rows = Object.keys(test.metrics).map((name) => [name, ...points.map(({ evaluation }) => cell(evaluation, name))])
  return table(['', ...points.map(({ name }) => name)], [...thresholds, ...rows])
}

function maps({ slides, judgement }: RunToShow): Markup[] {
  if (slides.length === 0) return []
  const figures = slides.map(
    ({ group, images, errors, png }) =>
      html`<div>
        ${figure(png, 'image/png', `Slide map of ${group}`)}<span class="note">${group}: ${errors ?? 0} of ${images} wrong</span>
      </div>`,
  )
  return [
    html`<h3>Slide maps</h3>`,
    ...paragraphs([slideMapLegend(judgement.positive)], 'note'),
    ...colourKey(classKey(judgement)),
    html`<div class="maps">${figures}</div>`,
  ]
}

/** So many are shown, in the table and on the sheet. */
export const mostShown = 24

function mostWrong(run: RunToShow, threshold: number | null): Markup[] {
  const { test, judgement, sheet } = run
  const { classes } = judgement
  const rows = mostCertainErrors(test, judgement, threshold, mostShown).map(({ row, called, probability }) => [
    row.path,
    ...(isGrouped(run) ? [row.group] : []),
    classes[row.class] ?? '',
    classes[called] ?? '',
    probability.toFixed(4),
  ])
  const description = 'The same patches in the order of the table, from left to right'
  if (rows.length === 0) return [html`<h3>Wrong, and most certain of it</h3>`, ...paragraphs(['Nothing is wrong.'])]
  return [
    html`<h3>Wrong, and most certain of it</h3>`,
    ...(sheet === null
      ? []
      : [html`<div class="maps">${figure(sheet, 'image/png', description)}</div>`, ...paragraphs([`${description}.`], 'note')]),
    table(['image', ...(isGrouped(run) ? ['group'] : []), 'is', 'called', 'probability of that'], rows),
  ]
}

/** None where nobody looked. */
function restsOn({ occlusion }: RunToShow): Markup[] {
  if (!occlusion) return []
  const { columns, data } = occlusion.table
  const rows = data.map((cells) => cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(4) : typeof cell === 'string' ? cell : '')))
  return [
    html`<h3>What calls rest on</h3>`,
    ...paragraphs([occlusionLegend], 'note'),
    html`<div class="maps">
      ${figure(occlusion.sheet, 'image/png', 'Patches, each beside the map of what its call rests on, in the order of the table')}
    </div>`,
    table(columns, rows),
  ]
}
