/**
 * Look-alike patches: tissue in eosin's pink with nuclei in haematoxylin's violet, in the names and folders of the real ones. Patients
 * differ in stain and in how crowded their tissue is, classes in how many and how large the nuclei are, with an overlap: a pure
 * function of the numbers asked for, so that everyone's synthetic data are the same.
 */
import { createHash } from 'node:crypto'
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import pLimit from 'p-limit'
import type { Dataset } from '../experiment/experiment.ts'
import { keyOf, normals, uniforms, type Key } from '../random/philox.ts'
import { writePath } from './layout.ts'
import { besideOf, removeAbandoned } from './sealed-file.ts'

/** Raised whenever the same numbers would give other pictures. */
const generatorVersion = 1

/** Pixels of a patch's side, as in the real data set. */
const side = 50

/**
 * The one dial of difficulty: distance of the classes' means in standard deviations of a patch's crowdedness. Someone who saw the
 * crowdedness itself would reach an AUC of Φ(separation / √2); a network sees it through the picture.
 */
const separation = 2.3

interface Patient {
  readonly name: string
  /** Crowdedness of the patient's tissue, beside that of the class. */
  readonly effect: number
  /** Colours of the background and of nuclei, red green blue. */
  readonly eosin: readonly number[]
  readonly haematoxylin: readonly number[]
}

interface Patch {
  readonly patient: Patient
  readonly class: number
  readonly x: number
  readonly y: number
}

export interface SyntheticOptions {
  /** Folder under which the data set is made. */
  readonly folder: string
  readonly onProgress: (progress: { readonly done: number; readonly total: number }) => void
}

/** Makes the data set unless it is there; returns its root. */
export async function makeSynthetic(dataset: Dataset, { folder, onProgress }: SyntheticOptions): Promise<string> {
  const { synthetic, classes, layout } = dataset
  const wish = JSON.stringify([generatorVersion, synthetic.patients, synthetic.patches, classes.map(({ folder: name }) => name), layout])
  const root = join(folder, `synthetic-${createHash('sha256').update(wish).digest('hex').slice(0, 12)}`)
  if (await exists(root)) return root

  await mkdir(folder, { recursive: true })
  await removeAbandoned(folder)
  const beside = besideOf(root)
  const patches = planPatches(synthetic.patients, synthetic.patches, classes.length)
  const limit = pLimit(8)
  let done = 0
  const { default: sharp } = await import('sharp')
  const draw = async (patch: Patch): Promise<void> => {
    const path = join(beside, pathOf(patch, dataset))
    const raw = { width: side, height: side, channels: 3 } as const
    const png = await sharp(drawPatch(patch, classes.length), { raw }).png().toBuffer()
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, png)
    done += 1
    onProgress({ done, total: patches.length })
  }
  try {
    await Promise.all(patches.map((patch) => limit(draw, patch)))
    // Who else made it in the meantime made the same.
    if (!(await exists(root))) await rename(beside, root)
  } finally {
    limit.clearQueue()
    await rm(beside, { recursive: true, force: true })
  }
  return root
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

function pathOf({ patient, class: index, x, y }: Patch, { classes, layout }: Dataset): string {
  const folder = classes[index]?.folder ?? ''
  const values = { patient: patient.name, class: folder, x: String(x), y: String(y) }
  const hasPlace = /\{x(:int)?\}/.test(layout) && /\{y(:int)?\}/.test(layout)
  const whole = `${patient.name}_idx5_x${x}_y${y}_class${folder}`
  return writePath(layout, values, (star) => (!hasPlace ? whole : star === 0 ? `${patient.name}_idx5` : `class${folder}`))
}

/** Patches of each patient on a grid; a lesion around one spot is made of the later classes. */
function planPatches(patients: number, patches: number, classes: number): Patch[] {
  const every: Patch[] = []
  for (let index = 0; index < patients; index++) {
    const patient = drawPatient(index)
    const [shareDraw = 0, spotX = 0, spotY = 0] = uniforms(keyOf(0, 'synthetic lesion', index), 3)
    const own = Math.floor(((index + 1) * patches) / patients) - Math.floor((index * patches) / patients)
    const width = Math.ceil(Math.sqrt(own * 1.4))
    const height = Math.ceil(own / width)
    const cells = Array.from({ length: own }, (_, cell) => ({ column: cell % width, row: Math.floor(cell / width) }))
    const distance = ({ column, row }: { column: number; row: number }): number =>
      (column / width - 0.2 - 0.6 * spotX) ** 2 + (row / height - 0.2 - 0.6 * spotY) ** 2
    const nearest = [...cells].sort((a, b) => distance(a) - distance(b) || a.row - b.row || a.column - b.column)
    const lesion = Math.min(own - 1, Math.max(1, Math.round(own * (0.15 + 0.35 * shareDraw))))
    for (const [rank, { column, row }] of nearest.entries()) {
      const later = classes === 2 ? 1 : 1 + (rank % (classes - 1))
      every.push({ patient, class: rank < lesion ? later : 0, x: 51 + column * side, y: 51 + row * side })
    }
  }
  return every
}

function drawPatient(index: number): Patient {
  const [effect = 0, pink = 0, warmth = 0, violet = 0, depth = 0] = normals(keyOf(0, 'synthetic patient', index), 5)
  return {
    name: String(20000 + 37 * index),
    effect: 0.35 * effect,
    eosin: [232 + 5 * pink + 3 * warmth, 196 + 8 * pink, 214 + 6 * pink - 4 * warmth],
    haematoxylin: [118 + 9 * violet + 6 * depth, 78 + 7 * violet + 6 * depth, 148 + 6 * depth],
  }
}

/** Red, green, blue, row after row. */
function drawPatch({ patient, class: index, x, y }: Patch, classes: number): Uint8Array {
  const key = keyOf(0, 'synthetic patch', patient.name, x, y)
  const [patchEffect = 0, countNoise = 0, sizeNoise = 0] = normals(key, 3)
  const sign = (2 * index) / Math.max(1, classes - 1) - 1
  const crowdedness = (sign * separation) / 2 + patient.effect + patchEffect * 0.94
  const nuclei = Math.max(1, Math.round(8 + 3 * crowdedness + 1.2 * countNoise))
  const radius = 2.4 + 0.28 * crowdedness + 0.25 * sizeNoise
  const darkness = shadeTissue(key, nuclei, Math.max(1.2, radius))
  const grain = uniforms(keyOf(0, 'synthetic grain', patient.name, x, y), side * side)
  const pixels = new Uint8Array(side * side * 3)
  for (const [pixel, dark] of darkness.entries())
    for (let channel = 0; channel < 3; channel++) {
      const light = patient.eosin[channel] ?? 0
      const stain = patient.haematoxylin[channel] ?? 0
      const value = light + (stain - light) * dark + 14 * ((grain[pixel] ?? 0) - 0.5)
      pixels[pixel * 3 + channel] = Math.max(0, Math.min(255, Math.round(value)))
    }
  return pixels
}

/** 0 is background, 1 the middle of a nucleus: waves of tissue, and ellipses with soft edges. */
function shadeTissue(key: Key, nuclei: number, radius: number): Float64Array {
  const waves = uniforms(keyOf(key[0], 'waves', key[1]), 12)
  const spots = uniforms(keyOf(key[0], 'nuclei', key[1]), nuclei * 5)
  const darkness = new Float64Array(side * side)
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      let wave = 0
      for (let index = 0; index < 4; index++) {
        const [angle = 0, phase = 0, pace = 0] = waves.subarray(index * 3, index * 3 + 3)
        const along = Math.cos(angle * 6.283) * column + Math.sin(angle * 6.283) * row
        wave += Math.sin(along * (0.08 + 0.22 * pace) + phase * 6.283)
      }
      darkness[row * side + column] = 0.16 + 0.05 * wave
    }
  for (let nucleus = 0; nucleus < nuclei; nucleus++) {
    const [centerX = 0, centerY = 0, angle = 0, long = 0, tone = 0] = spots.subarray(nucleus * 5, nucleus * 5 + 5)
    const [major, minor] = [radius * (0.9 + 0.7 * long), radius * (1.05 - 0.35 * long)]
    const [cos, sin] = [Math.cos(angle * 6.283), Math.sin(angle * 6.283)]
    const reach = Math.ceil(major + 2)
    const [middleX, middleY] = [centerX * side, centerY * side]
    for (let row = Math.max(0, Math.floor(middleY - reach)); row < Math.min(side, middleY + reach); row++)
      for (let column = Math.max(0, Math.floor(middleX - reach)); column < Math.min(side, middleX + reach); column++) {
        const [offsetX, offsetY] = [column - middleX, row - middleY]
        const far = Math.hypot((offsetX * cos + offsetY * sin) / major, (offsetY * cos - offsetX * sin) / minor)
        const cover = Math.max(0, Math.min(1, (1.15 - far) * 3)) * (0.65 + 0.3 * tone)
        const at = row * side + column
        darkness[at] = Math.max(darkness[at] ?? 0, cover)
      }
  }
  return darkness
}
