/** What the current weights say of rows of the pack. */
import { setImmediate } from 'node:timers/promises'
import { objective } from '../layers/losses.ts'
import { readCheckpoint } from './checkpoint.ts'
import { batchesOf } from './images.ts'
import type { Prepared } from './prepared.ts'
import { judge, type Judged } from './probabilities.ts'
import type { WeightsName } from './protocol.ts'

/** Probabilities and loss for rows of the pack, in that order. The last batch is filled up with its first row, which is then dropped. */
export async function predict({ job, program, images }: Prepared, rows: Int32Array): Promise<Judged> {
  const size = job.evaluationBatchSize
  const { classes, head } = job.network
  const logits = new Float32Array(rows.length * classes)
  const batches = batchesOf(rows, size).map((batch) =>
    batch.length === size ? batch : Int32Array.from({ length: size }, (_, index) => batch[index] ?? batch[0] ?? 0),
  )
  let done = 0
  for await (const feeds of images.feeds(batches)) {
    const fetched = program.run('predict', size, feeds)['logits'] ?? new Float32Array()
    logits.set((fetched as Float32Array).subarray(0, Math.min(size * classes, logits.length - done)), done)
    done += size * classes
    await setImmediate()
  }
  return judge(logits, labelsOf(job.labels, rows), classes, objective(job.loss, head))
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
