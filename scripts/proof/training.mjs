/** Trainings of the carried job in engines of their own. */
import { rm, mkdir, cp } from 'node:fs/promises'
import { join } from 'node:path'
import { dist } from './job.mjs'
import { ownFolder, pjrt } from './device.mjs'

const { startEngine } = await dist('engine/engine.js')
const { epochMetrics } = await dist('evaluation/epoch-metrics.js')

/** `programs` is the folder of kept programs, the shared one unless it is named. */
export function engineOn(programs = pjrt.programs) {
  const environment = { ...process.env, RUNNER_PJRT: JSON.stringify({ ...pjrt, programs }) }
  return startEngine({ environment, device: 'auto' })
}

/** Empty folders of a run. */
export async function runFolders(name) {
  const folder = ownFolder(name)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  return { checkpoints: join(folder, 'checkpoints'), executables: join(folder, 'executables') }
}

/** A folder of programs in which everything is lowered and nothing compiled. */
export async function uncompiledPrograms(name) {
  const folder = ownFolder(name)
  await rm(folder, { recursive: true, force: true })
  await cp(join(pjrt.programs, 'lowered'), join(folder, 'lowered'), { recursive: true })
  return folder
}

/** Few rows with the batch sizes of all of them, so that the programs are the baseline's: `batches` whole ones and the rest of the job's. */
export function shortened(job, { batches, epochs, validated = 32 }) {
  const { train, validation } = job.splits
  const { batchSize } = job.training
  const rows = train.subarray(0, batches * batchSize + (train.length % batchSize))
  const splits = { train: rows, validation: validation.subarray(0, validated), test: validation.subarray(0, validated) }
  return { ...job, splits, training: { ...job.training, epochs, select: null, earlyStopping: null } }
}

/** What the weights say of a split, as the engine's epochs say it of the validation images. */
export async function scores(engine, job, weights, split) {
  const probabilities = await engine.predict(weights, split)
  const labels = Int32Array.from(job.splits[split], (row) => job.labels[row])
  return epochMetrics(probabilities, labels, job.network.classes, job.positive)
}
