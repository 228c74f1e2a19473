/** Finished runs with predictions that were made up: what a comparison reads, without a training. */
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeManifest } from '../../src/dataset/manifest-csv.ts'
import type { ManifestRow } from '../../src/dataset/manifest.ts'
import { writePredictions } from '../../src/evaluation/predictions-csv.ts'
import { loadExperiment } from '../../src/experiment/load-experiment.ts'
import { flattenParameters } from '../../src/experiment/flatten-parameters.ts'
import { resolvedYaml } from '../../src/experiment/resolved-yaml.ts'
import { openJournal } from '../../src/journal/journal.ts'
import { createRunFolder, type RunFolder } from '../../src/journal/run-folder.ts'
import { keyOf, normals } from '../../src/random/philox.ts'
import { variantTag } from '../../src/tracking/projection.ts'
import { projectRoot } from '../runner.ts'

export interface MadeUpRun {
  readonly set: readonly string[]
  /** How far the classes stand apart. */
  readonly separation: number
  /** Default 12; of each 20 images of validation and 20 of test. */
  readonly patients?: number
  /** Changes a row on its way into the files. */
  readonly change?: (row: ManifestRow) => ManifestRow
  /** Of the sweep whose trial it is. */
  readonly variant?: string
  /** Default finished. */
  readonly status?: 'finished' | 'pruned'
}

/** A run of experiments/smoke.yaml that has finished, as a training would have left it. */
export async function writeRun(home: string, number: number, madeUp: MadeUpRun): Promise<RunFolder> {
  const { set, separation, patients = 12, change = (row: ManifestRow): ManifestRow => row, variant, status = 'finished' } = madeUp
  const file = join(projectRoot, 'experiments/smoke.yaml')
  const { value } = await loadExperiment(file, { set, env: {}, cwd: projectRoot, projectRoot: home })
  if (!value) throw new Error('experiments/smoke.yaml is at fault')
  const { experiment } = value
  const now = 1_760_000_000_000 + number * 1000
  const folder = await createRunFolder(join(home, 'runs'), 'smoke', experiment.name, now)
  const rows = Array.from({ length: patients * 40 }, (_, index): ManifestRow => {
    const path = `${String(index).padStart(4, '0')}.png`
    const own = index % 3 === 0 ? 1 : 0
    return change({
      path,
      sha256: createHash('sha256').update(path).digest('hex'),
      group: `patient ${Math.floor(index / 40)}`,
      class: own,
      label: own === 1 ? 'malignant' : 'benign',
      split: index % 2 === 0 ? 'validation' : 'test',
    })
  })
  const noise = normals(keyOf(number, 'noise'), rows.length)
  const scores = rows.map((row, index) => 1 / (1 + Math.exp(-(separation * (row.class - 0.5) + (noise[index] ?? 0)))))
  const part = (split: string) => ({
    rows: rows.filter((row) => row.split === split),
    probabilities: Float32Array.from(
      rows.flatMap((row, index) => (row.split === split ? [1 - (scores[index] ?? 0), scores[index] ?? 0] : [])),
    ),
  })
  const judgement = { classes: ['benign', 'malignant'], positive: 1, seed: 1 }
  await writeFile(folder.resolved, resolvedYaml(experiment, folder.path))
  await writeFile(folder.split, writeManifest(rows))
  await writeFile(folder.predictions, writePredictions([part('validation'), part('test')], judgement))
  const journal = await openJournal(folder.journal, { now: () => now })
  const { seed, training } = experiment
  await journal.append({
    type: 'run-started',
    version: 1,
    run: folder.id,
    name: experiment.name,
    experiment: 'smoke',
    seed,
    epochs: training.epochs,
    tags: { synthetic: 'true', ...(variant === undefined ? {} : { [variantTag]: variant }) },
  })
  await journal.append({ type: 'parameters', values: flattenParameters(experiment) })
  await journal.append({ type: 'run-ended', status })
  await journal.close()
  return folder
}
