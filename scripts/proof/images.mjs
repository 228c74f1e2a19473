/**
 * Real patches for the proof: whole patients in the order of their hashed names until a number of bytes is reached, as the baseline's own
 * pack has them, each patient one lossless WebP of patches side by side. (Half the bytes of raw pixels; xz with a PNG predictor needs .63,
 * lossless JPEG 2000 .69 of them.)
 */
import { createHash } from 'node:crypto'
import { cp, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { dist, projectRoot } from '../../benchmarks/training.mjs'

const { loadExperiment } = await dist('experiment/load-experiment.js')
const { prepareDataset } = await dist('dataset/prepare.js')

export const baseline = join(projectRoot, 'experiments/baseline.yaml')
/** Patches in a row of a patient's picture. */
export const columns = 16

/** The baseline with its images in that folder, ready to train. */
export async function prepareBaseline(root, cache, set = []) {
  const env = { ...process.env, IDC_ROOT: root }
  const { value: located, diagnostics } = await loadExperiment(baseline, { env, cwd: projectRoot, projectRoot, set })
  if (!located) throw new Error(wordsOf(diagnostics))
  await mkdir(cache, { recursive: true })
  const prepared = await prepareDataset(located, { home: projectRoot, cache, onProgress: () => undefined })
  if (!prepared.value) throw new Error(wordsOf(prepared.diagnostics))
  if (prepared.value.isSynthetic) throw new Error('these are synthetic patches, not real ones')
  return { located, dataset: prepared.value }
}

const wordsOf = (diagnostics) => diagnostics.map(({ message }) => message).join('; ')
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** Patients with their rows in the pack. Paths begin with the patient, so these are neighbours. */
export function patientsOf({ manifest }) {
  const patients = new Map()
  for (const [row, { group }] of manifest.rows.entries()) patients.set(group, [...(patients.get(group) ?? []), row])
  return patients
}

/**
 * Chooses patients of the images in `root` until their pictures would take more than `mostBytes`. Copies their files to `subset` (made
 * anew) and their pictures, `PATIENT.webp`, to `pictures` (made anew). `cache` keeps pictures and packs between calls.
 */
export async function choosePatients({ root, subset, pictures, cache, mostBytes, report }) {
  const { dataset } = await prepareBaseline(root, join(cache, 'packs'))
  const { pack } = dataset
  const patients = patientsOf(dataset)
  const order = [...patients.keys()].sort((a, b) => (sha256(a) < sha256(b) ? -1 : 1))
  for (const folder of [subset, pictures]) {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
  }
  await mkdir(join(cache, 'pictures'), { recursive: true })
  let bytes = 0
  const chosen = []
  const file = await open(pack.path)
  try {
    for (const patient of order) {
      const rows = patients.get(patient)
      const pixels = new Uint8Array(rows.length * pack.height * pack.width * pack.channels)
      await file.read(pixels, 0, pixels.length, rows[0] * pack.height * pack.width * pack.channels)
      const picture = await cached(join(cache, 'pictures', `${sha256(pixels)}.webp`), () => drawPatches(pixels, rows.length, pack))
      if (bytes + picture.length > mostBytes) break
      bytes += picture.length
      chosen.push(patient)
      await writeFile(join(pictures, `${patient}.webp`), picture)
      await cp(join(root, patient), join(subset, patient), { recursive: true })
      report(`${chosen.length} patients, ${(bytes / 2 ** 20).toFixed(1)} MiB`)
    }
  } finally {
    await file.close()
  }
  return { chosen: chosen.sort(), bytes }
}

async function cached(path, make) {
  try {
    return await readFile(path)
  } catch {
    const bytes = await make()
    await writeFile(path, bytes)
    return bytes
  }
}

/** Patches row by row, `columns` of them beside each other; the last row is filled with black. */
async function drawPatches(pixels, count, { height, width, channels }) {
  const rows = Math.ceil(count / columns)
  const picture = new Uint8Array(rows * height * columns * width * channels)
  const line = width * channels
  for (let index = 0; index < count; index++) {
    const [top, left] = [Math.floor(index / columns) * height, (index % columns) * line]
    for (let y = 0; y < height; y++) {
      const from = (index * height + y) * line
      picture.set(pixels.subarray(from, from + line), (top + y) * columns * line + left)
    }
  }
  const raw = { width: columns * width, height: rows * height, channels }
  return sharp(picture, { raw }).webp({ lossless: true, quality: 90, effort: 5 }).toBuffer()
}
