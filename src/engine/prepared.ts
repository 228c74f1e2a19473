/** A training job made ready to run: its variables, its compiled program, the way of its pixels. */
import { eagerProgram } from '../graph/eager-program.ts'
import { compileProgram } from '../graph/graph-program.ts'
import type { Program } from '../graph/step-function.ts'
import { fillTable, imageSource, openImageFeed, type ImageFeed } from './images.ts'
import { createModel, disposeModel, type Model } from './model.ts'
import type { TrainingJob } from './protocol.ts'
import { imageTable, metricsStep, predictStep, trainStep } from './steps.ts'

export interface Prepared {
  readonly job: TrainingJob
  readonly model: Model
  readonly program: Program
  readonly images: ImageFeed
}

export async function prepare(job: TrainingJob): Promise<Prepared> {
  const { pack, network, splits } = job
  const { batchSize } = job.training
  const model = createModel(network, job.optimizer, job.seed)
  const source = imageSource(pack, job.imageBudget)
  const imageShape = [pack.height, pack.width, pack.channels]
  const rest = splits.train.length % batchSize
  const options = { model, source, imageShape }
  const fill = job.augmentation?.fill ?? null
  const program = (job.execution === 'graph' ? compileProgram : eagerProgram)({
    variables: model.variables,
    table: source === 'table' ? { name: imageTable, dtype: 'uint8', shape: [pack.rows, ...imageShape] } : null,
    steps: [
      trainStep({
        ...options,
        batchSizes: [...(splits.train.length >= batchSize ? [batchSize] : []), ...(rest > 0 ? [rest] : [])],
        loss: job.loss,
        classWeights: job.classWeights,
        fill,
      }),
      predictStep({ ...options, batchSizes: [job.evaluationBatchSize] }),
      metricsStep(model),
    ],
  })
  if (source === 'table') await fillTable(pack, program)
  return { job, model, program, images: await openImageFeed(pack, source) }
}

export async function dispose(prepared: Prepared): Promise<void> {
  prepared.program.dispose()
  disposeModel(prepared.model)
  await prepared.images.close()
}
