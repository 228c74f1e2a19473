/** Which neighbouring layers training on the CPU computes as one operation of native/, so that what stands between them is never written. */
import type { Layer, SeparableConv2d } from '../experiment/experiment.ts'
import { asImage } from './output-shape.ts'
import type { PlannedLayer } from './plan.ts'

/** Whether an operation of native/ computes the layer at all. */
export function isFusable(layer: Layer): layer is SeparableConv2d {
  if (layer.kind !== 'separableConv2d' || layer.padding !== 'same' || layer.depthMultiplier !== 1 || !layer.useBias) return false
  return layer.strides.every((step) => step === 1) && layer.kernelSize.every((side) => side === 3)
}

/** How many layers from this one on are one operation: itself, the batch normalization behind it, the 2x2 maxima behind that. */
export function fusedLayers([first, second, third]: readonly PlannedLayer[]): 1 | 2 | 3 {
  if (!first || !isFusable(first.layer) || (first.layer.activation !== 'relu' && first.layer.activation !== 'linear')) return 1
  if (second?.layer.kind !== 'batchNormalization') return 1
  if (third?.layer.kind !== 'maxPooling2d') return 2
  const [height, width] = asImage(third.inputShape) ?? [1, 1]
  const isByTwo = [...third.layer.poolSize, ...third.layer.strides].every((side) => side === 2)
  return isByTwo && height % 2 === 0 && width % 2 === 0 ? 3 : 2
}

/** Whether what a pooled convolution of so many channels gives is kept for the gradient; else it is computed again (native/separable.h). */
export function isKept(channels: number): boolean {
  return channels > 16
}
