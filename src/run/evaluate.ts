/**
 * `runner evaluate RUN`: the metrics of a finished run again, from its images. With `--data ROOT` those of another data set, all of whose images
 * are judged at the run's threshold, and none of whose patients may be among those that it was trained on.
 */
import { readFile } from 'node:fs/promises'
import { prepareDataset, type PreparedDataset } from '../dataset/prepare.ts'
import { splitDigest } from '../dataset/manifest-csv.ts'
import { parse } from 'csv-parse/sync'
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import { evaluateAt, type Evaluation } from '../evaluation/evaluate.ts'
import type { ThresholdRule } from '../experiment/experiment.ts'
import { packsFolder, type RunFolder } from '../journal/run-folder.ts'
import { operatingPoint, predictRows, readFinishedRun } from './finished-run.ts'
import { loadChecked } from './load.ts'
import { startTensorflow, type Preparation } from './prepare.ts'
import { judgementOf } from './results.ts'
import { journalTestReading, testDigest, testReadings } from './test-reading.ts'
import { runsOf } from './workspace.ts'

export interface Evaluated {
  readonly run: string
  readonly images: number
  /** Groups of the layout: patients, where it has them. */
  readonly groups: number
  readonly isSynthetic: boolean
  /** By which the threshold was chosen; of more than two classes none was. */
  readonly rule: ThresholdRule
  readonly evaluation: Evaluation
  /** How often any run has read the run's own test images by now; null on other data. */
  readonly testReadings: number | null
}

/** `root` is the folder of other data, or null. Throws `Fault`. */
export async function evaluateRunAgain(run: string, root: string | null, preparation: Preparation): Promise<Evaluated> {
  const { workspace, listen } = preparation
  const finished = await readFinishedRun(run, workspace)
  const { folder, events } = finished
  const threshold = await operatingPoint(finished, listen)
  const dataset = await prepareImages(folder, root, preparation)
  if (root === null) {
    const digest = splitDigest(dataset.manifest, 'test')
    const expected = testDigest(events)
    if (expected !== digest)
      throw fault('data-changed', `${folder.id} was judged on other test images than those that are there now`, expected, digest)
    await journalTestReading(folder, 'evaluate', workspace)
  } else await requireStrangers(folder, dataset)
  const indices = dataset.manifest.rows.flatMap((row, index) => (row.split === 'test' ? [index] : []))
  const rows = indices.flatMap((index) => dataset.manifest.rows[index] ?? [])
  const engine = await startTensorflow(finished.experiment, preparation)
  const probabilities = await predictRows(finished, dataset.pack, indices, engine, listen)
  return {
    run: folder.id,
    images: rows.length,
    groups: new Set(rows.map(({ group }) => group)).size,
    isSynthetic: dataset.isSynthetic,
    rule: finished.experiment.evaluation.threshold,
    evaluation: evaluateAt({ rows, probabilities }, threshold, judgementOf(finished.experiment)),
    testReadings: root === null ? await testReadings(splitDigest(dataset.manifest, 'test'), workspace) : null,
  }
}

/** The run's own images as they were split; of other data every image in the place of the test split. */
async function prepareImages(folder: RunFolder, root: string | null, { workspace, listen, signal }: Preparation): Promise<PreparedDataset> {
  const set = root === null ? [] : [`dataset.root=${JSON.stringify(root)}`, 'dataset.whenMissing=error']
  const { located, sources } = await loadChecked(folder.resolved, set, workspace)
  const { value, diagnostics } = await prepareDataset(located, {
    home: workspace.home,
    cache: packsFolder(runsOf(workspace)),
    onProgress: (progress) => listen({ type: 'data', progress }),
    signal,
    isForeign: root !== null,
  })
  if (!value) throw new Fault(diagnostics, 1, sources)
  return value
}

/** Neither a patient nor an image that the run was trained, selected or judged on: of both it knows too much. */
async function requireStrangers({ id, split }: RunFolder, { manifest }: PreparedDataset): Promise<void> {
  const known: readonly Readonly<Record<string, string>>[] = parse(await readFile(split, 'utf8'), { columns: true })
  const own = known.filter((row) => row['split'] !== 'test')
  const groups = new Set(own.map((row) => row['group']))
  const hashes = new Set(own.map((row) => row['sha256']))
  const shared = [...new Set(manifest.rows.map(({ group }) => group))].filter((group) => groups.has(group))
  const same = manifest.rows.filter(({ sha256 }) => hashes.has(sha256))
  const faults: Diagnostic[] = [
    ...(shared.length === 0 ? [] : [leak(`${id} was trained on ${counted(shared.length, 'of the groups', shared)}`)]),
    ...(same.length === 0
      ? []
      : [
          leak(
            `${id} was trained on ${counted(
              same.length,
              'of the images',
              same.map(({ path }) => path),
            )}, byte for byte`,
          ),
        ]),
  ]
  if (faults.length > 0) throw new Fault(faults, 1)
}

function leak(message: string): Diagnostic {
  return {
    code: 'evaluation-leak',
    severity: 'error',
    message,
    hint: 'Take them out of the folder, or name another: a model knows what it was trained on.',
  }
}

const shown = 20

function counted(count: number, what: string, names: readonly string[]): string {
  const more = names.length > shown ? ` and ${names.length - shown} more` : ''
  return `${count} ${what}: ${names.slice(0, shown).join(', ')}${more}`
}

function fault(code: string, message: string, expected: string, received: string): Fault {
  const hint = 'Put the images back as they were, or name these as other data: --data FOLDER.'
  return new Fault([{ code, severity: 'error', message, expected, received, hint }], 1)
}
