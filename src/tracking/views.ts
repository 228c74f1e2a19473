/**
 * Pages of MLflow that are arranged, which it keeps as tags of the experiment and calls shared views. Left to itself it shows of a sweep the first ten
 * trials, in colours that say nothing, by charts in the order of the alphabet; of the runs of an experiment no number at all, and all parameters of a
 * run over each of its pictures. The form is that of its pages' own state (3.17), which is documented nowhere; a page that does not know it shows everything.
 */
import { limits, type Tag } from 'mlflow-js-client'
import { variantTag } from './projection.ts'

export interface View {
  /** Null where the view is longer than MLflow keeps. */
  readonly tag: Tag | null
  /** By which an address names it. */
  readonly key: string
}

export interface SweepToShow {
  /** MLflow's id of the sweep's own run. */
  readonly runId: string
  /** As trials are told: of the selected epoch, and over epochs. */
  readonly metric: { readonly best: string; readonly each: string }
  readonly isLossLike: boolean
  readonly axes: readonly string[]
  /** Whether a variant has several seeds, so that its mean says something. */
  readonly isRepeated: boolean
}

/** The trials best first, under their variant where that has several seeds, with means and the range over seeds; else each for itself, with its axes side by side. */
export function sweepView({ runId, metric, isLossLike, axes, isRepeated }: SweepToShow): View {
  const params = axes.map((axis) => `sweep.${axis}`)
  const charts = [
    { type: 'BAR', metricKey: metric.best, displayName: metric.best },
    { ...line, metricKey: metric.each, selectedMetricKeys: [metric.each], displayName: metric.each },
    // Not drawn while the trials are grouped.
    { type: 'PARALLEL', selectedParams: params, selectedMetrics: [metric.best], showAllRuns: true },
  ]
  return view(runId, { name: 'sweep' }, charts, {
    searchFilter: `tags.\`mlflow.parentRunId\` = '${runId}'`,
    orderByKey: `metrics.\`${metric.best}\``,
    orderByAsc: isLossLike,
    selectedColumns: [`metrics.\`${metric.best}\``, ...params.map((param) => `params.\`${param}\``)],
    runsHiddenMode: 'SHOW_ALL',
    ...(isRepeated ? { groupBy: { aggregateFunction: 'average', groupByKeys: [{ mode: 'tag', groupByData: variantTag }] } } : {}),
  })
}

/** Numbers in the table; of the charts first the pictures, a row each, in the columns of the runs. MLflow draws those of ten runs at most. */
export function runsView(pictures: readonly string[]): View {
  const picture = { type: 'IMAGE', step: 0, showRunParams: false } as const
  const charts = [
    { ...picture, imageKeys: pictures },
    // Else MLflow adds each alone, too.
    ...pictures.map((key) => ({ ...picture, imageKeys: [key], deleted: true })),
  ]
  return view('runner', { name: 'pictures', columns: 1, cardHeight: 1100 }, charts, {
    orderByKey: 'attributes.start_time',
    orderByAsc: false,
    selectedColumns: [...['roc_auc', 'balanced_accuracy', 'f1'].map((name) => `metrics.\`test/${name}\``), 'params.`seed`'],
  })
}

const line = {
  type: 'LINE',
  lineSmoothness: 0,
  xAxisScaleType: 'linear',
  scaleType: 'linear',
  range: {},
  xAxisKey: 'step',
  selectedXAxisMetricKey: '',
  yAxisKey: 'metric',
  yAxisExpressions: [],
  useGlobalXaxisKey: true,
  useGlobalLineSmoothing: true,
} as const

interface Section {
  readonly name: string
  readonly columns?: number
  /** In pixels. */
  readonly cardHeight?: number
}

/** Behind the section MLflow draws what it would have drawn besides. */
function view(
  key: string,
  section: Section,
  charts: readonly Readonly<Record<string, unknown>>[],
  state: Readonly<Record<string, unknown>>,
): View {
  const value = JSON.stringify({
    ...state,
    isAccordionReordered: true,
    compareRunSections: [{ uuid: 's', display: true, ...section }],
    compareRunCharts: charts.map((chart, index) => ({ ...chart, uuid: `c${index}`, metricSectionId: 's', runsCountToCompare: 100 })),
  })
  return { key, tag: value.length > limits.experimentTagLength ? null : { key: `mlflow.sharedViewState.${key}`, value } }
}
