/** The baseline's training job as the proof carries it, and what its steps are fed: from the carried build where there is one, else from this checkout's. */
import { createCipheriv } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The folder with dist/, node_modules/ and proof/ (what scripts/proof/pack put there). */
export const runtime = process.env.RUNNER_PROOF_RUNTIME ?? fileURLToPath(new URL('../..', import.meta.url))
export const dist = (path) => import(pathToFileURL(join(runtime, 'dist', path)).href)
export const carried = (path) => join(runtime, 'proof', path)

const { dropoutSeeds, epochOrder, rateFeeds, warpTransforms } = await dist('engine/feeds.js')
const { trainingBatches } = await dist('engine/images.js')
const { labelsOf } = await dist('engine/predict.js')
const { randomLayers } = await dist('layers/forward.js')
const { updateRule } = await dist('layers/optimizers.js')
const { stepsPerEpoch } = await dist('network/schedule.js')

/** A job as plain JSON; its pack has no path. */
export function encodeJob({ labels, splits, pack, ...job }) {
  const { path: _, ...described } = pack
  const rows = Object.fromEntries(Object.entries(splits).map(([name, own]) => [name, [...own]]))
  return JSON.stringify({ ...job, pack: described, labels: [...labels], splits: rows })
}

/** A `TrainingJob` but for the folders of a run: `checkpoints`, `executables`. */
export function decodeJob(text, packPath) {
  const { labels, splits, pack, ...job } = JSON.parse(text)
  const rows = Object.fromEntries(Object.entries(splits).map(([name, own]) => [name, Int32Array.from(own)]))
  const whole = { ...job, pack: { ...pack, path: packPath }, labels: Int32Array.from(labels), splits: rows }
  return { ...whole, resumeAfter: null, pauses: [], execution: 'graph', precision: 'float32' }
}

export const readJob = async (packPath) => decodeJob(await readFile(carried('job.json'), 'utf8'), packPath)

/** The job at another batch size, on as many training rows as make whole batches: one size of step, and nothing of it padded. */
export function withBatch(job, batchSize) {
  const { train } = job.splits
  const rows = train.subarray(0, Math.floor(train.length / batchSize) * batchSize)
  return { ...job, training: { ...job.training, batchSize }, splits: { ...job.splits, train: rows } }
}

/** What the first `count` steps of an epoch are fed, as the engine feeds them. */
export function firstFeeds(job, count, epoch = 1) {
  const { seed, network, optimizer, augmentation, training, labels, splits, pack } = job
  const batches = trainingBatches(epochOrder(splits.train, seed, epoch), training.batchSize)
  const steps = stepsPerEpoch(splits.train.length, training.batchSize)
  const rule = updateRule(optimizer)
  const layers = randomLayers(network)
  return batches.slice(0, count).map((rows, step) => ({
    rows,
    ...rateFeeds(optimizer, rule, step, steps, 1).feeds,
    labels: labelsOf(labels, rows),
    seeds: dropoutSeeds(layers, seed, step),
    ...(augmentation ? { transforms: warpTransforms(augmentation, seed, epoch, rows, [pack.height, pack.width]) } : {}),
  }))
}

/**
 * The job on noise in place of its images, written to that file; the same noise everywhere. A step on patches tells less: their white
 * background makes equal values, of which max pooling takes one or the other as rounding has it, with gradients that are far apart.
 */
export async function onNoise(job, path) {
  const { rows, height, width, channels } = job.pack
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16))
  await writeFile(path, cipher.update(Buffer.alloc(rows * height * width * channels)))
  return { ...job, pack: { ...job.pack, path } }
}

/** Values of each variable that are compared. */
const mostValues = 1000

/** Every so many values of every variable, by name; all of a small one. */
export function sampled(values) {
  const stride = (size) => Math.max(1, Math.ceil(size / mostValues))
  return new Map([...values].map(([name, own]) => [name, own.filter((_, index) => index % stride(own.length) === 0)]))
}

/**
 * Each of these steps is made from the first values. Even on noise a step in three or so has two values that are equal but for rounding where
 * a maximum is taken: then engines that differ in the last bit alone part by a thousandth. A fault parts them in every step.
 */
export const comparedSteps = 8

/** What a program makes of the first values in each of those steps: its loss, and the sample. */
export async function* stepsFromFirst(program, job, first) {
  for (const feeds of firstFeeds(job, comparedSteps)) {
    program.assign(first)
    const { done } = await program.run('train', job.training.batchSize, feeds)
    yield { loss: done[0], values: sampled(await program.read()) }
  }
}
