/** `report.html`: written when a run ends, and again by `runner report RUN`, which may be a later version of runner. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { Fault } from '../diagnostics/diagnostic.ts'
import { caveatSentence } from '../evaluation/comparison-sentences.ts'
import { evaluateWeights, type Predictions, type WeightsEvaluation } from '../evaluation/evaluate.ts'
import { readPredictions } from '../evaluation/predictions-csv.ts'
import type { Experiment } from '../experiment/experiment.ts'
import type { Recorded } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import { runPage, type RunToShow } from '../report/run-page.ts'
import { placeOnSlides, slideMaps, type SlideMap } from '../report/slide-map.ts'
import type { Table } from '../report/tables.ts'
import { errorSheet, occlusionSheet } from './certain-calls.ts'
import { loadChecked } from './load.ts'
import { readEvents } from './read-events.ts'
import { foldLines } from './plan.ts'
import { headline, judgementOf } from './results.ts'
import { requireRun } from './sync.ts'
import { testDigest, testReadings } from './test-reading.ts'
import type { Workspace } from './workspace.ts'

export interface Reported {
  readonly experiment: Experiment
  /** Of the selected weights. */
  readonly evaluation: WeightsEvaluation
  readonly test: Predictions
  readonly slides: readonly SlideMap[]
  readonly events: readonly Recorded[]
  /** How often these test images have been read, by all runs. */
  readonly testReadings: number
}

const pictures: Readonly<Record<string, string>> = {
  training: 'Loss, accuracy and learning rate over the epochs',
  'roc-and-precision-recall': 'ROC and precision-recall curves on the test images',
  probabilities: 'Probabilities of the test images by class',
  calibration: 'Calibration on the test images',
  confusion: 'Confusion matrix on the test images',
}

/** Writes the page beside the other files of the run, from which it takes its pictures and texts. */
export async function writeReport(
  folder: RunFolder,
  { experiment, evaluation, test, slides, events, testReadings }: Reported,
): Promise<void> {
  const text = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '')
  const { started } = foldRun(events)
  const tags = started?.tags ?? {}
  const caveats = ['synthetic', 'leakage'].flatMap((tag) =>
    tags[tag] === undefined ? [] : [`${caveatSentence(tag)}${tag === 'leakage' ? `. The reason that was given: ${tags[tag]}` : ''}`],
  )
  const drawn = await Promise.all(
    Object.entries(pictures).map(async ([name, description]) => ({ description, svg: await text(join(folder.plots, `${name}.svg`)) })),
  )
  const page = runPage({
    name: experiment.name,
    run: folder.id,
    caveats,
    judgement: judgementOf(experiment),
    evaluation,
    test,
    testReadings,
    provenance: [
      ['begun', started ? new Date(started.at).toISOString() : ''],
      ['seed', String(experiment.seed)],
      ...foldLines(experiment).map((line): [string, string] => ['cross-validation', line]),
      ...events.flatMap((event): [string, string][] => (event.type === 'trained' ? [['weights, sha256', event.weightsHash]] : [])),
      ...flatten(JSON.parse((await text(folder.environment)) || '{}')),
    ],
    slides,
    sheet: await readFile(join(folder.plots, errorSheet)).catch(() => null),
    occlusion: await readOcclusion(folder),
    pictures: drawn.filter(({ svg }) => svg !== ''),
    texts: [
      { title: 'The data: audit', text: await text(folder.audit) },
      { title: 'The plan: layers, parameters, memory, split', text: await text(folder.plan) },
      { title: 'The experiment, every default written out', text: await text(folder.resolved) },
    ],
  })
  await writeFileAtomic(folder.report, page)
}

/** Null where the run is of a time before, or its files are gone. */
async function readOcclusion(folder: RunFolder): Promise<RunToShow['occlusion']> {
  try {
    const sheet = await readFile(join(folder.plots, occlusionSheet))
    return { sheet, table: JSON.parse(await readFile(join(folder.tables, 'occlusion.json'), 'utf8')) as Table }
  } catch {
    return null
  }
}

/** `{ git: { commit: 'a' } }` -> `git.commit`, `a` */
function flatten(value: unknown, name = ''): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[name, String(value)]]
  return Object.entries(value).flatMap(([key, child]) => flatten(child, name === '' ? key : `${name}.${key}`))
}

/** The page of a finished run, made anew from its folder. Throws `Fault` where there is no such run, or its predictions are gone. */
export async function reportRun(name: string, workspace: Workspace): Promise<RunFolder> {
  const folder = await requireRun(name, workspace)
  const { events } = await readEvents(folder)
  const { located } = await loadChecked(folder.resolved, [], workspace)
  const { experiment } = located
  const judgement = judgementOf(experiment)
  const rows = readPredictions(await readFile(folder.predictions, 'utf8').catch(() => ''), judgement.classes) ?? []
  const predictionsOf = (split: 'validation' | 'test'): Predictions => {
    const own = rows.filter((row) => row.split === split)
    return {
      rows: own.map((row) => ({ ...row, sha256: '', label: judgement.classes[row.class] ?? '' })),
      probabilities: Float32Array.from(own.flatMap(({ probabilities }) => [...probabilities])),
    }
  }
  const test = predictionsOf('test')
  if (test.rows.length === 0) {
    const message = `${folder.id} has no predictions of test images to report`
    throw new Fault([{ code: 'predictions-unreadable', severity: 'error', message, hint: `runner resume ${folder.id}` }], 1)
  }
  const epoch = events.findLast((event) => event.type === 'evaluated')?.metrics['best/epoch'] ?? experiment.training.epochs
  const evaluation = evaluateWeights(epoch, predictionsOf('validation'), test, experiment.evaluation.threshold, judgement)
  const { threshold } = headline(evaluation)
  const slides = await slideMaps(placeOnSlides(test, judgement, threshold, experiment.dataset.layout), judgement.positive)
  await writeReport(folder, {
    experiment,
    evaluation,
    test,
    slides,
    events,
    testReadings: await testReadings(testDigest(events), workspace),
  })
  return folder
}
