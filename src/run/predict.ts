/** `runner predict RUN PATH…`: what a finished run's selected weights say of new images. Nothing is trained, and nothing is kept under runs/. */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, isAbsolute, join, resolve } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { takeInventory } from '../dataset/inventory.ts'
import type { Pack } from '../dataset/manifest.ts'
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import { predictedClasses } from '../evaluation/decisions.ts'
import type { Experiment } from '../experiment/experiment.ts'
import { caveatTags, operatingPoint, predictRows, readFinishedRun } from './finished-run.ts'
import { besideTensorflow, type Preparation } from './prepare.ts'
import { judgementOf } from './results.ts'

export interface PredictedImage {
  /** As it was named, or found below the folder that was named. */
  readonly path: string
  readonly predicted: string
  /** One for each class, in their order. */
  readonly probabilities: readonly number[]
}

export interface Predicted {
  readonly run: string
  /** What the model was trained on, where that makes its answers mean something else: `synthetic`, `leakage`. */
  readonly caveats: readonly string[]
  readonly experiment: Experiment
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
  const { workspace, listen } = preparation
  const finished = await readFinishedRun(run, workspace)
  const paths = (await Promise.all(names.map((name) => imagesAt(name, workspace.cwd)))).flat()
  if (paths.length === 0) {
    const message = `no image is at ${names.join(', ')}`
    throw new Fault(
      [{ code: 'no-images', severity: 'error', message, hint: `Name files, folders or patterns with ${[...extensions].join(', ')}.` }],
      1,
    )
  }
  const { experiment } = finished
  const { classes, positive } = judgementOf(experiment)
  const threshold = await operatingPoint(finished, listen)
  const cache = await mkdtemp(join(tmpdir(), 'runner-predict-'))
  try {
    const { value, engine } = await besideTensorflow(experiment, preparation, (own) => readImages(paths, experiment, cache, own))
    const { pack, readable, unreadable } = value
    const probabilities = await predictRows(finished, pack, readable, engine, listen)
    const called = predictedClasses(probabilities, classes.length, positive, threshold ?? 0.5)
    const images = readable.map((row, index) => ({
      path: paths[row] ?? '',
      predicted: classes[called[index] ?? 0] ?? '',
      probabilities: [...probabilities.subarray(index * classes.length, (index + 1) * classes.length)],
    }))
    const { id } = finished.folder
    return { run: id, caveats: caveatTags(finished.events), experiment, classes, threshold, images, unreadable }
  } finally {
    await rm(cache, { recursive: true, force: true })
  }
}

/** A file is taken at its word; of a folder the images at any depth; what is neither is a pattern such as `slides/**\/*.png`. */
async function imagesAt(name: string, cwd: string): Promise<string[]> {
  const found = await stat(resolve(cwd, name)).catch(() => null)
  if (found?.isDirectory() === true) {
    const inside = await glob('**', { cwd: resolve(cwd, name), expandDirectories: false, dot: true })
    return inside
      .filter(isImage)
      .sort()
      .map((path) => join(name, path))
  }
  if (found || !isDynamicPattern(name)) return [name]
  return (await glob(name, { cwd, expandDirectories: false, absolute: isAbsolute(name) })).filter(isImage).sort()
}

function isImage(path: string): boolean {
  return extensions.has(extname(path).toLowerCase())
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
