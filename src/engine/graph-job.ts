/** What of a training job decides its graphs. */
import { imageSource } from './images.ts'
import type { GraphJob, TrainingJob } from './protocol.ts'

export function graphJobOf({ network, loss, classWeights, evaluationBatchSize, ...job }: TrainingJob): GraphJob {
  const { learningRate, ...optimizer } = job.optimizer
  const { batchSize } = job.training
  const images = job.splits.train.length
  const rest = images % batchSize
  return {
    ...{ network, loss, classWeights, evaluationBatchSize, optimizer },
    fill: job.augmentation?.fill ?? null,
    batchSizes: [...(images >= batchSize ? [batchSize] : []), ...(rest > 0 ? [rest] : [])],
    images: job.pack.rows,
    isResident: imageSource(job.pack, job.imageBudget) === 'table',
  }
}
