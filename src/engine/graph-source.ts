/** The graphs of a training, written down: made from a `GraphJob` alone, so that equal ones make equal graphs. */
import type { ProgramSource } from '../graph/step-function.ts'
import { imageSource } from './images.ts'
import { createModel, type Model } from './model.ts'
import type { GraphJob, TrainingJob } from './protocol.ts'
import { imageTable, metricsStep, predictStep, trainStep } from './steps.ts'

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

/** Its variables are all 0, and whoever asked disposes of them. */
export function graphSource(job: GraphJob): { readonly model: Model; readonly source: ProgramSource } {
  const { network, optimizer, loss, classWeights, fill, batchSizes, evaluationBatchSize, images, isResident } = job
  const model = createModel(network, optimizer)
  const imageShape = network.inputShape
  const options = { model, source: isResident ? 'table' : 'feed', imageShape } as const
  const source: ProgramSource = {
    variables: model.variables,
    table: isResident ? { name: imageTable, dtype: 'uint8', shape: [images, ...imageShape] } : null,
    steps: [
      trainStep({ ...options, batchSizes, loss, classWeights, fill }),
      predictStep({ ...options, batchSizes: [evaluationBatchSize] }),
      metricsStep(model),
    ],
  }
  return { model, source }
}
