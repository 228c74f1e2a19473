/** What a finished training leaves: predictions, numbers and plots, each a file that is told to MLflow. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { Pack, SplitName } from '../dataset/manifest.ts'
import type { Engine } from '../engine/engine.ts'
import type { TrainingResult, WeightsName } from '../engine/protocol.ts'
import { renderClassificationReport } from '../evaluation/classification-report.ts'
import { evaluateWeights, type Evaluation, type Judgement, type Predictions, type WeightsEvaluation } from '../evaluation/evaluate.ts'
import { writePredictions } from '../evaluation/predictions-csv.ts'
import type { Experiment } from '../experiment/experiment.ts'
import type { EpochEnded, Metrics } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import type { Picture } from '../report/chart.ts'
import { placeOnSlides, slideMaps, type SlideMap } from '../report/slide-map.ts'
import { errorSheet, occlusionSheet, writeErrors, writeOcclusion } from './certain-calls.ts'
import type { Evaluations } from './story.ts'
import { classesTable, groupsTable, metricsTable, type Table } from '../report/tables.ts'

/** Predicts validation and test with the last and with the selected weights; test is read here and nowhere else. */
export async function evaluateRun(
  engine: Engine,
  experiment: Experiment,
  dataset: PreparedDataset,
  result: TrainingResult,
): Promise<Pick<Results, 'evaluations' | 'predictions'>> {
  const judgement = judgementOf(experiment)
  const judge = async (weights: WeightsName, epoch: number) => {
    const validation = await predictSplit(engine, dataset, weights, 'validation')
    const test = await predictSplit(engine, dataset, weights, 'test')
    return { validation, test, evaluation: evaluateWeights(epoch, validation, test, experiment.evaluation.threshold, judgement) }
  }
  const last = await judge('last', result.epochs)
  const selected = result.selectedEpoch === result.epochs ? last : await judge('selected', result.selectedEpoch)
  return {
    evaluations: { last: last.evaluation, selected: selected.evaluation },
    predictions: { validation: selected.validation, test: selected.test },
  }
}

export async function predictSplit(
  engine: Engine,
  { manifest }: PreparedDataset,
  weights: WeightsName,
  split: SplitName,
): Promise<Predictions> {
  return { rows: manifest.rows.filter((row) => row.split === split), probabilities: await engine.predict(weights, split) }
}

export function judgementOf({ dataset, seed }: Experiment): Judgement {
  return { classes: dataset.classes.map(({ name }) => name), positive: dataset.positive, seed }
}

/** The operating point that a run is known by: the chosen one where there is one. */
export function headline(evaluation: WeightsEvaluation): Evaluation {
  return evaluation.chosen?.test ?? evaluation.test
}

/** One-shot metrics for the journal: test at the chosen threshold, and the best epoch's validation. */
export function finalMetrics({ selected }: Evaluations, best: EpochEnded | undefined): Record<string, number> {
  const test = headline(selected)
  const at = test.threshold === null ? {} : { 'test/threshold': test.threshold }
  const prefixed = (prefix: string, metrics: Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${prefix}/${name}`, value]))
  return { ...prefixed('test', test.metrics), ...at, ...bestMetrics(selected.epoch, best?.metrics ?? {}) }
}

/** Of the selected epoch: its number, and what validation said of it. */
export function bestMetrics(epoch: number, metrics: Metrics): Record<string, number> {
  const validation = Object.entries(metrics).filter(([name]) => name.startsWith('val/'))
  return { 'best/epoch': epoch, ...Object.fromEntries(validation.map(([name, value]) => [name.replace('val/', 'best/'), value])) }
}

export interface Results {
  readonly folder: RunFolder
  readonly experiment: Experiment
  readonly dataset: PreparedDataset
  readonly result: TrainingResult
  readonly evaluations: Evaluations
  readonly predictions: Readonly<Record<'validation' | 'test', Predictions>>
  readonly epochs: readonly EpochEnded[]
}

/** What was written, as paths in the run folder in the order in which they should be told. */
export interface Written {
  readonly artifacts: readonly string[]
  /** Those to be seen beside the pictures of other runs. */
  readonly pictures: readonly { readonly path: string; readonly name: string }[]
  readonly tables: readonly string[]
  /** As they were drawn for their files: the report shows them too. */
  readonly slides: readonly SlideMap[]
}

/** `ask` gives the probabilities of a pack's rows by the selected weights. */
export async function writeResults(
  { folder, experiment, dataset, result, evaluations, predictions, epochs }: Results,
  ask: (pack: Pack) => Promise<Float32Array>,
): Promise<Written> {
  const judgement = judgementOf(experiment)
  const { selected } = evaluations
  const test = headline(selected)
  const metrics = { version: 2, weightsHash: result.weightsHash, weights: evaluations }
  await writeFileAtomic(folder.predictions, writePredictions([predictions.validation, predictions.test], judgement))
  await writeFileAtomic(folder.metrics, `${JSON.stringify(metrics, null, 2)}\n`)
  await writeFileAtomic(folder.classificationReport, renderClassificationReport(test.report))
  await mkdir(folder.plots, { recursive: true })
  const { layout } = experiment.dataset
  const { threshold } = test
  const calls = { folder, dataset, layout, judgement, test: predictions.test, threshold }
  const tables: Readonly<Record<string, Table | null>> = {
    metrics: metricsTable(selected),
    classes: classesTable(selected.test),
    groups: selected.groups.length === predictions.test.rows.length ? null : groupsTable(selected.groups),
    errors: await writeErrors(calls),
    occlusion: await writeOcclusion(calls, ask),
  }
  const plots = await writePlots(folder, judgement, selected, predictions.test, epochs)
  const slides = await slideMaps(placeOnSlides(predictions.test, judgement, threshold, layout), judgement.positive)
  const maps = await writeSlideMaps(folder, slides)
  const sheets = [
    ...(tables['errors'] ? [{ path: `plots/${errorSheet}`, name: 'test/most certain errors' }] : []),
    ...(tables['occlusion'] ? [{ path: `plots/${occlusionSheet}`, name: 'test/what the calls rest on' }] : []),
  ]
  return {
    artifacts: ['predictions.csv', 'metrics.json', 'classification-report.txt', 'plots', 'tables'],
    pictures: [...plots, ...sheets, ...maps],
    tables: await writeTables(folder, tables),
    slides,
  }
}

async function writeTables(folder: RunFolder, tables: Readonly<Record<string, Table | null>>): Promise<string[]> {
  await mkdir(folder.tables, { recursive: true })
  const written: string[] = []
  for (const [name, table] of Object.entries(tables)) {
    if (!table) continue
    await writeFile(join(folder.tables, `${name}.json`), `${JSON.stringify(table)}\n`)
    written.push(`tables/${name}.json`)
  }
  return written
}

async function writePlots(
  folder: RunFolder,
  judgement: Judgement,
  selected: WeightsEvaluation,
  test: Predictions,
  epochs: readonly EpochEnded[],
): Promise<Written['pictures']> {
  const [{ trainingPlot }, { calibrationPlot, confusionPlot, rankingPlot, scoresPlot }] = await Promise.all([
    import('../report/training-plot.ts'),
    import('../report/result-plots.ts'),
  ])
  const evaluation = headline(selected)
  const pictures: Record<string, { readonly name: string; readonly picture: Promise<Picture> }> = {
    training: { name: 'training', picture: trainingPlot(epochs, selected.epoch === epochs.length ? null : selected.epoch) },
    confusion: { name: 'test/confusion', picture: confusionPlot(evaluation, judgement.classes) },
    'roc-and-precision-recall': { name: 'test/ROC and precision-recall', picture: rankingPlot(test, evaluation, judgement) },
    probabilities: { name: 'test/probabilities', picture: scoresPlot(test, evaluation, judgement) },
    calibration: { name: 'test/calibration', picture: calibrationPlot(test, evaluation, judgement) },
  }
  for (const [name, { picture }] of Object.entries(pictures)) {
    const { svg, png } = await picture
    await writeFile(join(folder.plots, `${name}.svg`), svg)
    await writeFile(join(folder.plots, `${name}.png`), png)
  }
  return Object.entries(pictures).map(([file, { name }]) => ({ path: `plots/${file}.png`, name }))
}

/** So many are among the pictures that are compared; the others lie beside them. */
const mostMapsCompared = 12

/** A file for each patient, the worst first. */
async function writeSlideMaps(folder: RunFolder, maps: readonly SlideMap[]): Promise<Written['pictures']> {
  if (maps.length > 0) await mkdir(join(folder.plots, 'slide-maps'), { recursive: true })
  const written = await Promise.all(
    maps.map(async ({ group, png }, index) => {
      const path = `plots/slide-maps/${mapFileName(index, group)}`
      await writeFile(join(folder.path, path), png)
      return { path, name: `slide maps/${group}` }
    }),
  )
  return written.slice(0, mostMapsCompared)
}

/** Numbered, so that no two are the same whatever their groups are called. */
export function mapFileName(index: number, group: string): string {
  const name = group.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 80)
  return `${String(index + 1).padStart(3, '0')}-${name}.png`
}
