/** A folder of real PNGs, an experiment over it, and what runner makes of both. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { prepareDataset } from '../../src/dataset/prepare.ts'
import type { PreparedDataset } from '../../src/dataset/prepare.ts'
import type { Diagnostic, Outcome } from '../../src/diagnostics/diagnostic.ts'
import type { Located } from '../../src/experiment/experiment.ts'
import { loadExperiment } from '../../src/experiment/load-experiment.ts'

const experimentText = `
name: patches
dataset:
  root: images
  layout: "{patient}/{class}/{*}_x{x:int}_y{y:int}_{*}.png"
  classes: [{ folder: "0", name: benign }, { folder: "1", name: malignant }]
  positive: malignant
  image: { width: 8, height: 8 }
split: { by: patient, test: 0.25, validation: 0.25 }
model: { layers: [flatten, { dense: { units: classes, activation: softmax } }] }
loss: binaryCrossentropy
optimizer: { sgd: { learningRate: 0.1 } }
training: { epochs: 1, batchSize: 8 }
`

export interface Workspace {
  readonly folder: string
  /** Absolute. */
  path(name: string): string
  write(name: string, content: string | Uint8Array): Promise<void>
  /** Prepares the data set of the experiment, with settings as `--set` takes them. */
  prepare(...set: string[]): Promise<Outcome<PreparedDataset>>
  load(...set: string[]): Promise<Located>
  [Symbol.asyncDispose](): Promise<void>
}

export async function openWorkspace(): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), 'runner-dataset-'))
  const path = (name: string): string => join(folder, name)
  await writeFile(path('patches.yaml'), experimentText)
  const load = async (...set: string[]): Promise<Located> => {
    const loaded = await loadExperiment('patches.yaml', { env: {}, cwd: folder, projectRoot: folder, set })
    if (!loaded.value) throw new Error(JSON.stringify(loaded.diagnostics))
    return loaded.value
  }
  return {
    folder,
    path,
    load,
    async write(name, content) {
      await mkdir(dirname(path(name)), { recursive: true })
      await writeFile(path(name), content)
    },
    async prepare(...set) {
      return prepareDataset(await load(...set), { home: folder, cache: path('packs'), onProgress: () => undefined })
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Six patients with two patches of each class, no two the same. */
export async function openPatients(): Promise<Workspace> {
  const workspace = await openWorkspace()
  for (const patient of [101, 102, 103, 104, 105, 106])
    for (const label of [0, 1])
      for (const place of [1, 51])
        await workspace.write(patchName(patient, label, place), await patch(patient * 1000 + label * 100 + place))
  return workspace
}

export function patchName(patient: number, label: number, place: number): string {
  return `images/${patient}/${label}/${patient}_idx5_x${place}_y1_class${label}.png`
}

/** A PNG whose pixels follow from the number. */
export function patch(seed: number, width = 10, height = 10): Promise<Uint8Array> {
  const pixels = Uint8Array.from(
    { length: width * height * 3 },
    (_, index) => (index < 4 ? seed >> (8 * index) : seed * 31 + index * 17) & 0xff,
  )
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}

/** The only fault, or all of them in words. */
export function onlyFault(outcome: Outcome<unknown>): Diagnostic {
  const [fault, ...others] = outcome.diagnostics
  if (!fault || others.length > 0) throw new Error(`not one fault: ${JSON.stringify(outcome.diagnostics, null, 1)}`)
  return fault
}
