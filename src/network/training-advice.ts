/** What can be said of a training once the number of its images is known. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { advise } from '../experiment/advice.ts'
import type { Located } from '../experiment/experiment.ts'
import { learningRateAt, stepsPerEpoch } from './schedule.ts'

/** A rate below this share of the first one moves nothing any more. */
const deadShare = 1e-3

export function trainingAdvice(located: Located, images: number): Diagnostic[] {
  const { optimizer, training, model } = located.experiment
  const { batchSize, epochs } = training
  const steps = stepsPerEpoch(images, batchSize)
  const { initial } = optimizer.learningRate
  const last = learningRateAt(optimizer.learningRate, steps * epochs - 1, steps)
  const isFinal = optimizer.learningRate.curve.kind === 'cosine'
  const hasBatchNorm = model.layers.some(({ kind }) => kind === 'batchNormalization')
  const batch = 'training.batchSize'
  return [
    ...(!isFinal && last < initial * deadShare
      ? advise(located, 'decay-kills-rate', `optimizer.${optimizer.kind}`, {
          message: `after ${steps * epochs} steps the learning rate is ${last.toPrecision(2)}, from ${initial} at the beginning`,
          hint: 'Decay counts steps, not epochs: decay: perEpochs divides the rate by the number of epochs.',
        })
      : []),
    ...(batchSize > images
      ? advise(located, 'batch-exceeds-training', batch, {
          message: `a batch holds ${batchSize} images, and there are ${images} to train on`,
          expected: `at most ${images}`,
        })
      : []),
    ...(hasBatchNorm && images % batchSize === 1
      ? advise(located, 'batch-of-one', batch, {
          message: `${images} images in batches of ${batchSize} leave one of a single image, which batch normalization turns into nothing`,
          hint: `Any other size helps, such as batchSize: ${batchSize + 1}.`,
        })
      : []),
  ]
}
