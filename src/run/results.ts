/** What a finished training leaves: predictions, numbers and plots, each a file that is told to MLflow. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { readRows } from '../dataset/pack.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { SplitName } from '../dataset/manifest.ts'
import type { Engine } from '../engine/engine.ts'
import type { TrainingResult, WeightsName } from '../engine/protocol.ts'
import { renderClassificationReport } from '../evaluation/classification-report.ts'
import { mostCertainErrors, type CertainError } from '../evaluation/errors.ts'
import { evaluateWeights, type Evaluation, type Judgement, type Predictions, type WeightsEvaluation } from '../evaluation/evaluate.ts'
import { writePredictions } from '../evaluation/predictions-csv.ts'
import type { Experiment } from '../experiment/experiment.ts'
import type { EpochEnded, Metrics } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import type { Picture } from '../report/chart.ts'
import { mostShown } from '../report/run-page.ts'
import { drawSheet } from '../report/sheet.ts'
import type { Evaluations } from './story.ts'

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

/** Writes everything; returns the paths in the run folder, in the order in which they should be told. */
export async function writeResults({ folder, experiment, dataset, result, evaluations, predictions, epochs }: Results): Promise<string[]> {
  const judgement = judgementOf(experiment)
  const test = headline(evaluations.selected)
  const metrics = { version: 2, weightsHash: result.weightsHash, weights: evaluations }
  await writeFileAtomic(folder.predictions, writePredictions([predictions.validation, predictions.test], judgement))
  await writeFileAtomic(folder.metrics, `${JSON.stringify(metrics, null, 2)}\n`)
  await writeFileAtomic(folder.classificationReport, renderClassificationReport(test.report))
  await writePlots(folder, judgement, evaluations.selected, predictions.test, epochs)
  await writeSheet(folder, dataset, mostCertainErrors(predictions.test, judgement, test.threshold, mostShown))
  return ['predictions.csv', 'metrics.json', 'classification-report.txt', 'plots']
}

async function writePlots(
  folder: RunFolder,
  judgement: Judgement,
  selected: WeightsEvaluation,
  test: Predictions,
  epochs: readonly EpochEnded[],
): Promise<void> {
  const [{ trainingPlot }, { calibrationPlot, confusionPlot, rankingPlot, scoresPlot }] = await Promise.all([
    import('../report/training-plot.ts'),
    import('../report/result-plots.ts'),
  ])
  const evaluation = headline(selected)
  const pictures: Record<string, Promise<Picture>> = {
    training: trainingPlot(epochs, selected.epoch === epochs.length ? null : selected.epoch),
    confusion: confusionPlot(evaluation, judgement.classes),
    'roc-and-precision-recall': rankingPlot(test, evaluation, judgement),
    probabilities: scoresPlot(test, evaluation, judgement),
    calibration: calibrationPlot(test, evaluation, judgement),
  }
  await mkdir(folder.plots, { recursive: true })
  for (const [name, picture] of Object.entries(pictures)) {
    const { svg, png } = await picture
    await writeFile(join(folder.plots, `${name}.svg`), svg)
    await writeFile(join(folder.plots, `${name}.png`), png)
  }
}

/** Under `plots/`. */
export const sheetName = 'most-certain-errors.png'

/** None where nothing is wrong. */
async function writeSheet(folder: RunFolder, { manifest, pack }: PreparedDataset, errors: readonly CertainError[]): Promise<void> {
  if (errors.length === 0) return
  const places = new Map(manifest.rows.map(({ path }, index) => [path, index]))
  const { width, height, channels } = pack
  const pixels = await readRows(
    pack,
    errors.map(({ row }) => places.get(row.path) ?? 0),
  )
  const patches = pixels.map((own) => ({ width, height, channels, pixels: own }))
  await writeFile(join(folder.plots, sheetName), await drawSheet(patches))
}
