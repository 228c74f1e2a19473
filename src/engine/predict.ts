/** What weights say of rows of a pack: the current ones of a training, or the selected ones of a training that has ended. */
import { setImmediate } from 'node:timers/promises'
import * as tf from '@tensorflow/tfjs-core'
import { compileProgram } from '../graph/graph-program.ts'
import type { Program } from '../graph/step-function.ts'
import { objective } from '../layers/losses.ts'
import type { Network } from '../network/plan.ts'
import { readCheckpoint } from './checkpoint.ts'
import { batchesOf, openImageFeed, type ImageFeed } from './images.ts'
import type { Prepared } from './prepared.ts'
import { judge, probabilitiesOf, type Judged } from './probabilities.ts'
import type { PredictionJob, WeightsName } from './protocol.ts'
import { predictStep } from './steps.ts'

/** Probabilities and loss for rows of the pack, in that order. */
export async function predict({ job, program, images }: Prepared, rows: Int32Array): Promise<Judged> {
  const { classes, head } = job.network
  const logits = await logitsOf(program, images, rows, { size: job.evaluationBatchSize, classes })
  return judge(logits, labelsOf(job.labels, rows), classes, objective(job.loss, head))
}

/** Probabilities [rows, classes] of the selected weights. Needs no training in this process, and keeps nothing. */
export async function predictPack(
  { network, checkpoints, pack, rows, batchSize }: PredictionJob,
  onDone: (images: number) => void,
): Promise<Float32Array> {
  const variables = await selectedVariables(network, checkpoints)
  const imageShape = [pack.height, pack.width, pack.channels]
  const step = predictStep({ model: { network, variables }, source: 'feed', imageShape, batchSizes: [batchSize] })
  const program = compileProgram({ variables, table: null, steps: [step] })
  const images = await openImageFeed(pack, 'feed')
  try {
    const { classes } = network
    return probabilitiesOf(await logitsOf(program, images, rows, { size: batchSize, classes, onDone }), classes)
  } finally {
    await images.close()
    program.dispose()
    tf.dispose([...variables.values()])
  }
}

/** The weights of the selected epoch, by name; whoever asks disposes of them. */
export async function selectedVariables(network: Network, checkpoints: string): Promise<ReadonlyMap<string, tf.Variable>> {
  const { tensors } = await readCheckpoint(checkpoints, 'best')
  return new Map(
    network.parameters.map(({ name, shape }) => [name, tf.variable(tf.tensor(tensors.get(name) ?? new Float32Array(), [...shape]), false)]),
  )
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
    const fetched = program.run('predict', size, feeds)['logits'] ?? new Float32Array()
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
