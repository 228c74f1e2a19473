/** What the schema allows in a stack and an augmentation, and hardly anyone means. */
import type { Diagnostic } from '../../diagnostics/diagnostic.ts'
import { advise } from '../advice.ts'
import type { Layer, Located } from '../experiment.ts'

export function stackAdvice(located: Located): Diagnostic[] {
  const { layers } = located.experiment.model
  return [...layers.flatMap((layer, index) => layerAdvice(located, layer, index)), ...augmentationAdvice(located)]
}

function layerAdvice(located: Located, layer: Layer, index: number): Diagnostic[] {
  const { layers } = located.experiment.model
  const next = layers[index + 1]
  const at = `model.layers.${index}`
  if (next && isSoftmax(layer)) {
    const fed = layers.slice(index + 1).find(isSoftmax)
    if (fed)
      return advise(located, 'softmax-twice', `model.layers.${layers.indexOf(fed)}`, {
        message: `${fed.name} is fed with the probabilities that ${layer.name} makes`,
        hint: `Remove the softmax of ${layer.name}.`,
      })
  }
  if (next?.kind !== 'batchNormalization') return []
  if ('useBias' in layer && layer.useBias && layer.activation === 'linear')
    return advise(located, 'bias-before-batch-norm', at, {
      message: `${next.name} subtracts the bias of ${layer.name} again`,
      hint: `Write useBias: false in ${layer.name}.`,
    })
  if (layer.kind === 'dropout' || layer.kind === 'spatialDropout2d')
    return advise(located, 'dropout-before-batch-norm', at, {
      message: `${next.name} learns its statistics behind ${layer.name}, which is not there at inference`,
      hint: 'Put the dropout behind the batch normalization.',
    })
  return []
}

function isSoftmax(layer: Layer): boolean {
  return 'activation' in layer && layer.activation === 'softmax'
}

function augmentationAdvice(located: Located): Diagnostic[] {
  const { augmentation } = located.experiment
  if (!augmentation) return []
  return (['width', 'height'] as const).flatMap((side) =>
    augmentation.shift[side] > 0.5
      ? advise(located, 'augmentation-moves-away', `augmentation.shift.${side}`, {
          message: `images are shifted by up to ${augmentation.shift[side]} of their ${side}`,
          expected: 'at most 0.5',
          hint: 'A tenth is usual: what is moved out of the picture is lost.',
        })
      : [],
  )
}
