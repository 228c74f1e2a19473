/** The graphs of a training, written down: made from a `GraphJob` alone, so that equal ones make equal graphs. */
import type { ProgramSource } from '../graph/step-function.ts'
import { createModel, zeroVariables, type Model } from './model.ts'
import type { GraphJob } from './protocol.ts'
import type { PredictionGraph } from './programs.ts'
import { imageTable, metricsStep, predictStep, trainStep } from './steps.ts'

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

/** Likewise. */
export function predictionSource({ network, imageShape, batchSize }: PredictionGraph): ProgramSource {
  const variables = zeroVariables(network.parameters)
  const step = predictStep({ model: { network, variables }, source: 'feed', imageShape, batchSizes: [batchSize] })
  return { variables, table: null, steps: [step] }
}
