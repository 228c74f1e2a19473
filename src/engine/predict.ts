/** What weights say of rows of a pack: the current ones of a training, or the selected ones of a training that has ended. */
import { setImmediate } from 'node:timers/promises'
import type { Program } from '../graph/step-function.ts'
import { objective } from '../layers/objective.ts'
import { readCheckpoint } from './checkpoint.ts'
import { batchesOf, openImageFeed, type ImageFeed } from './images.ts'
import type { Prepared } from './prepared.ts'
import { judge, probabilitiesOf, type Judged } from './probabilities.ts'
import type { Programs } from './programs.ts'
import type { PredictionJob, WeightsName } from './protocol.ts'

/** Probabilities and loss for rows of the pack, in that order. */
export async function predict({ job, program, images }: Prepared, rows: Int32Array): Promise<Judged> {
  const { classes, head } = job.network
  const logits = await logitsOf(program, images, rows, { size: job.evaluationBatchSize, classes })
  return judge(logits, labelsOf(job.labels, rows), classes, objective(job.loss, head))
}

/** Probabilities [rows, classes] of the selected weights. Needs no training in this process, and keeps nothing. */
export async function predictPack(
  { network, checkpoints, pack, rows, batchSize, precision, executables }: PredictionJob,
  programs: Programs,
  onDone: (images: number) => void,
): Promise<Float32Array> {
  const imageShape = [pack.height, pack.width, pack.channels]
  const program = await programs.predicting({ network, imageShape, batchSize }, { precision, executables })
  const images = await openImageFeed(pack, 'feed')
  try {
    program.assign((await readCheckpoint(checkpoints, 'best')).tensors)
    const { classes } = network
    return probabilitiesOf(await logitsOf(program, images, rows, { size: batchSize, classes, onDone }), classes)
  } finally {
    await images.close()
    program.dispose()
  }
}

/** [rows, classes]. The last batch is filled up with its first row, which is then dropped. */
async function logitsOf(
  program: Program,
  images: ImageFeed,
  rows: Int32Array,
  { size, classes, onDone }: { readonly size: number; readonly classes: number; readonly onDone?: (images: number) => void },
): Promise<Float32Array> {
  const logits = new Float32Array(rows.length * classes)
  const batches = batchesOf(rows, size).map((batch) =>
    batch.length === size ? batch : Int32Array.from({ length: size }, (_, index) => batch[index] ?? batch[0] ?? 0),
  )
  let done = 0
  for await (const feeds of images.feeds(batches)) {
    const { logits: fetched = new Float32Array() } = await program.run('predict', size, feeds)
    logits.set((fetched as Float32Array).subarray(0, Math.min(size * classes, logits.length - done)), done)
    done += size * classes
    onDone?.(Math.min(rows.length, done / classes))
    await setImmediate()
  }
  return logits
}

/** Puts the named weights in place of the current ones. */
export async function useWeights({ job, program }: Prepared, weights: WeightsName): Promise<void> {
  const { tensors } = await readCheckpoint(job.checkpoints, weights === 'last' ? 'last' : 'best')
  program.assign(tensors)
}

/** Of these rows, in their order. */
export function labelsOf(labels: Int32Array, rows: Int32Array): Int32Array {
  return rows.map((row) => labels[row] ?? 0)
}
