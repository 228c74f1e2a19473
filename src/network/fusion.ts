/** Which neighbouring layers are computed on the CPU as one operation of native/, so that what stands between them is never written. */
import type { Layer, SeparableConv2d } from '../experiment/experiment.ts'
import { asImage } from './output-shape.ts'
import type { PlannedLayer } from './plan.ts'

/** Whether an operation of native/ computes the layer at all. */
export function isFusable(layer: Layer): layer is SeparableConv2d {
  if (layer.kind !== 'separableConv2d' || layer.padding !== 'same' || layer.depthMultiplier !== 1 || !layer.useBias) return false
  return layer.strides.every((step) => step === 1) && layer.kernelSize.every((side) => side === 3)
}

/** The layers in order, those that are one operation together: a convolution, the batch normalization behind it, the 2x2 maxima behind that. */
export function fusedGroups(layers: readonly PlannedLayer[]): readonly (readonly [PlannedLayer, ...PlannedLayer[]])[] {
  const [first] = layers
  if (!first) return []
  const count = fusedLayers(first, layers)
  return [[first, ...layers.slice(1, count)], ...fusedGroups(layers.slice(count))]
}

function fusedLayers({ layer }: PlannedLayer, [, second, third]: readonly PlannedLayer[]): 1 | 2 | 3 {
  if (!isFusable(layer) || (layer.activation !== 'relu' && layer.activation !== 'linear')) return 1
  if (second?.layer.kind !== 'batchNormalization') return 1
  if (third?.layer.kind !== 'maxPooling2d') return 2
  const [height, width] = asImage(third.inputShape) ?? [1, 1]
  const isByTwo = [...third.layer.poolSize, ...third.layer.strides].every((side) => side === 2)
  return isByTwo && height % 2 === 0 && width % 2 === 0 ? 3 : 2
}

/** Whether what a pooled convolution of so many channels gives is kept for the gradient; else it is computed again: `keepsY` of native/separable.h. */
export function isKept(channels: number): boolean {
  return channels > 16
}
