/** The network as a table for people: layers, shapes, parameters and multiply-adds. */
import { writeBytes } from './bytes.ts'
import { activationBytes, costsOf, countTrainable } from './memory.ts'
import { sizeOf, writeShape } from './output-shape.ts'
import type { Network, PlannedLayer } from './plan.ts'

const heading = {
  layer: 'layer',
  options: 'options',
  output: 'output',
  trainable: 'to train',
  nonTrainable: 'moving',
  multiplyAdds: 'multiply-adds',
  activations: 'activations',
}
type Row = typeof heading
const columns = ['layer', 'options', 'output', 'trainable', 'nonTrainable', 'multiplyAdds', 'activations'] as const
const numeric: readonly (keyof Row)[] = ['trainable', 'nonTrainable', 'multiplyAdds', 'activations']
const noCosts = { trainable: '', nonTrainable: '', multiplyAdds: '', activations: '' }

/** Lines without a trailing newline. Multiply-adds and activations are of one image; parameters that are not trained are moving statistics. */
export function renderPlan(network: Network): string {
  const activations = activationBytes(network)
  const rows = [inputRow(network), ...network.layers.map((planned, index) => rowOf(planned, activations[index] ?? 0)), headRow(network)]
  return [...table(rows), '', ...totals(network)].join('\n')
}

function inputRow({ inputShape }: Network): Row {
  const activations = writeBytes(4 * sizeOf(inputShape))
  return { ...noCosts, layer: 'images', options: 'float32 in 0 … 1', output: writeShape(inputShape), activations }
}

function headRow({ head, classes, layers }: Network): Row {
  const output = layers.at(-1)?.outputShape ?? []
  const options = head === 'sigmoid' ? 'sigmoid of one unit, for 2 classes' : `softmax over ${classes} classes`
  return { layer: 'probabilities', options, output: writeShape(output), ...noCosts }
}

function rowOf(planned: PlannedLayer, activations: number): Row {
  const { layer, outputShape, multiplyAdds } = planned
  const { kind, name } = layer
  const { trainable, nonTrainable } = countTrainable(planned)
  return {
    layer: name.startsWith(kind) ? name : `${name} (${kind})`,
    options: optionsOf(layer).join(', '),
    output: writeShape(outputShape),
    trainable: counted(trainable),
    nonTrainable: counted(nonTrainable),
    multiplyAdds: counted(multiplyAdds),
    activations: writeBytes(activations),
  }
}

/** What sets the layer apart, in the words of the file; what is as usual is left out. */
function optionsOf(layer: PlannedLayer['layer']): string[] {
  const options: string[] = []
  if ('filters' in layer) options.push(`${layer.filters} filters`)
  if ('units' in layer) options.push(`${layer.units} units`)
  if ('kernelSize' in layer) options.push(writeShape(layer.kernelSize))
  if ('poolSize' in layer) options.push(writeShape(layer.poolSize))
  if ('strides' in layer && layer.strides.join() !== ('poolSize' in layer ? layer.poolSize : [1, 1]).join()) {
    options.push(`strides ${writeShape(layer.strides)}`)
  }
  if ('padding' in layer && layer.padding === 'same') options.push('padding same')
  if ('depthMultiplier' in layer && layer.depthMultiplier !== 1) options.push(`depthMultiplier ${layer.depthMultiplier}`)
  if ('activation' in layer && layer.activation !== 'linear') options.push(layer.activation)
  if ('useBias' in layer && !layer.useBias) options.push('no bias')
  if ('rate' in layer) options.push(`rate ${layer.rate}`)
  if ('alpha' in layer) options.push(`alpha ${layer.alpha}`)
  if (layer.kind === 'batchNormalization') {
    options.push(`momentum ${layer.momentum}`)
    if (!layer.scale) options.push('no scale')
    if (!layer.center) options.push('no center')
  }
  return [...options, ...l2Of(layer)]
}

function l2Of(layer: PlannedLayer['layer']): string[] {
  return Object.entries(layer).flatMap(([key, factor]) => (key.endsWith('L2') && factor !== 0 ? [`${key} ${String(factor)}`] : []))
}

function totals(network: Network): string[] {
  const { trainable, nonTrainable, inputShape } = network
  const { multiplyAdds, activations } = costsOf(network)
  return [
    `${counted(trainable + nonTrainable)} parameters: ${counted(trainable)} to train, ${counted(nonTrainable)} moving statistics`,
    `${counted(multiplyAdds)} multiply-adds forward for an image of ${counted(sizeOf(inputShape))} values`,
    `${writeBytes(activations)} of activations that an image leaves for its gradient`,
  ]
}

/** Left-aligned text, right-aligned numbers, two spaces between columns. */
function table(rows: readonly Row[]): string[] {
  const widths = columns.map((column) => Math.max(...[heading, ...rows].map((row) => row[column].length)))
  return [heading, ...rows].map((row) =>
    columns
      .map((column, index) => {
        const width = widths[index] ?? 0
        return numeric.includes(column) ? row[column].padStart(width) : row[column].padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

function counted(count: number): string {
  return count.toLocaleString('en-US')
}
