/** `runner predict RUN PATH…`: what a finished run's selected weights say of new images. Nothing is trained, and nothing is kept under runs/. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join, resolve } from 'node:path'
import { takeInventory } from '../dataset/inventory.ts'
import type { Pack } from '../dataset/manifest.ts'
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import { EngineError } from '../engine/engine.ts'
import { predictedClasses } from '../evaluation/decisions.ts'
import type { Experiment } from '../experiment/experiment.ts'
import type { Recorded } from '../journal/events.ts'
import { foldRun } from '../journal/run-state.ts'
import type { Network } from '../network/plan.ts'
import { loadChecked } from './load.ts'
import { engineFault, startTensorflow, type Preparation } from './prepare.ts'
import { readEvents } from './read-events.ts'
import { judgementOf } from './results.ts'
import { requireRun } from './sync.ts'

export interface PredictedImage {
  /** As it was named, or found below the folder that was named. */
  readonly path: string
  readonly predicted: string
  /** One for each class, in their order. */
  readonly probabilities: readonly number[]
}

export interface Predicted {
  readonly classes: readonly string[]
  /** Of the positive class, as validation chose it in the run; null where the most probable class decides. */
  readonly threshold: number | null
  readonly images: readonly PredictedImage[]
  /** A fault for each image that could not be read. */
  readonly unreadable: readonly Diagnostic[]
}

const extensions: ReadonlySet<string> = new Set(['.png', '.jpg', '.jpeg', '.webp', '.gif', '.tif', '.tiff', '.bmp'])

/** Images in the order of their names' folders. Throws `Fault` where the run cannot predict, or no image is named. */
export async function predictImages(run: string, names: readonly string[], preparation: Preparation): Promise<Predicted> {
  const { workspace } = preparation
  const folder = await requireRun(run, workspace)
  const { events } = await readEvents(folder)
  const { status, committed } = foldRun(events)
  const epochs = committed.at(-1)?.epoch
  if (status !== 'finished' || epochs === undefined) {
    const message = `${folder.id} is not finished, and has no weights to predict with: it is ${status}`
    throw new Fault([{ code: 'run-unfinished', severity: 'error', message, hint: `runner resume ${folder.id}` }], 1)
  }
  const paths = (await Promise.all(names.map((name) => imagesAt(name, workspace.cwd)))).flat()
  if (paths.length === 0) {
    const message = `no image is at ${names.join(', ')}`
    throw new Fault(
      [{ code: 'no-images', severity: 'error', message, hint: `Name files, or folders with ${[...extensions].join(', ')}.` }],
      1,
    )
  }
  const { located, network } = await loadChecked(folder.resolved, [], workspace)
  const { experiment } = located
  const { classes, positive } = judgementOf(experiment)
  const threshold = positive === null ? null : thresholdOf(events)
  const cache = await mkdtemp(join(tmpdir(), 'runner-predict-'))
  try {
    const { pack, readable, unreadable } = await readImages(paths, experiment, cache, preparation)
    const probabilities = await probabilitiesOf(
      pack,
      readable,
      { experiment, network, epochs, checkpoints: folder.checkpoints },
      preparation,
    )
    const called = predictedClasses(probabilities, classes.length, positive, threshold ?? 0.5)
    const images = readable.map((row, index) => ({
      path: paths[row] ?? '',
      predicted: classes[called[index] ?? 0] ?? '',
      probabilities: [...probabilities.subarray(index * classes.length, (index + 1) * classes.length)],
    }))
    return { classes, threshold, images, unreadable }
  } finally {
    await rm(cache, { recursive: true, force: true })
  }
}

/** The operating point of the run's final evaluation. */
function thresholdOf(events: readonly Recorded[]): number | null {
  return events.findLast((event) => event.type === 'evaluated')?.metrics['test/threshold'] ?? null
}

/** A file is taken at its word; of a folder the images at any depth. */
async function imagesAt(name: string, cwd: string): Promise<string[]> {
  const isFolder = await stat(resolve(cwd, name)).then(
    (entry) => entry.isDirectory(),
    () => false,
  )
  if (!isFolder) return [name]
  const entries = await readdir(resolve(cwd, name), { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && extensions.has(extname(entry.name).toLowerCase()))
  // `parentPath` is `path` in Node 20.
  return files.map((entry) => join(name, entry.parentPath.slice(resolve(cwd, name).length), entry.name)).sort()
}

/** Decoded and resized as the run's own images were. */
async function readImages(
  paths: readonly string[],
  { dataset: { image: size } }: Experiment,
  cache: string,
  { workspace, listen, signal }: Preparation,
): Promise<{ readonly pack: Pack; readonly readable: readonly number[]; readonly unreadable: readonly Diagnostic[] }> {
  const samples = paths.map((path) => ({ path: resolve(workspace.cwd, path), bytes: 0, modifiedMs: 0 }))
  const onProgress = (progress: { done: number; total: number }): void =>
    listen({ type: 'data', progress: { what: 'reading images', ...progress } })
  const { facts, pixels } = await takeInventory(samples, { root: '', size, cache, onProgress, signal })
  const unreadable = facts.flatMap((fact, row): Diagnostic[] =>
    'reason' in fact ? [{ code: 'data-unreadable', severity: 'error', message: `${paths[row] ?? ''}: ${fact.reason}` }] : [],
  )
  const readable = facts.flatMap((fact, row) => ('reason' in fact ? [] : [row]))
  return { pack: { path: pixels, rows: paths.length, ...size, digest: 'predict' }, readable, unreadable }
}

interface Trained {
  readonly experiment: Experiment
  readonly network: Network
  readonly epochs: number
  readonly checkpoints: string
}

/** [rows, classes] from the engine: a training that has all its epochs behind it, and these images in the place of its test split. */
async function probabilitiesOf(
  pack: Pack,
  rows: readonly number[],
  { experiment, network, epochs, checkpoints }: Trained,
  preparation: Preparation,
): Promise<Float32Array> {
  if (rows.length === 0) return new Float32Array()
  const none = new Int32Array()
  const engine = await startTensorflow(experiment, preparation)
  try {
    await engine.train(
      {
        seed: experiment.seed,
        network,
        loss: experiment.loss,
        optimizer: experiment.optimizer,
        augmentation: null,
        classWeights: experiment.dataset.classes.map(() => 1),
        training: { ...experiment.training, epochs, earlyStopping: null },
        evaluationBatchSize: experiment.evaluation.batchSize,
        positive: experiment.dataset.positive,
        pack,
        labels: new Int32Array(pack.rows),
        splits: { train: none, validation: none, test: Int32Array.from(rows) },
        // Each image is looked at once.
        imageBudget: 0,
        checkpoints,
        resumeAfter: epochs,
        execution: 'graph',
      },
      () => undefined,
    )
    return await engine.predict('selected', 'test')
  } catch (error) {
    throw error instanceof EngineError ? engineFault(error) : error
  } finally {
    await engine.stop()
  }
}
