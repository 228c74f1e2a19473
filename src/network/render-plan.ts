/** The network as a table for people: layers, shapes, parameters and multiply-adds. */
import { sizeOf, writeShape } from './output-shape.ts'
import { countValues } from './parameters.ts'
import { activationBytes } from './plan-network.ts'
import type { Network, PlannedLayer } from './plan.ts'

const heading = { layer: 'layer', options: 'options', output: 'output', parameters: 'parameters', multiplyAdds: 'multiply-adds' }
type Row = typeof heading
const columns = ['layer', 'options', 'output', 'parameters', 'multiplyAdds'] as const

/** Lines without a trailing newline. Counts are of one image. */
export function renderPlan(network: Network): string {
  const rows = [inputRow(network), ...network.layers.map(rowOf), headRow(network)]
  return [...table(rows), '', ...totals(network)].join('\n')
}

function inputRow({ inputShape }: Network): Row {
  return { layer: 'images', options: 'float32 in 0 … 1', output: writeShape(inputShape), parameters: '', multiplyAdds: '' }
}

function headRow({ head, classes, layers }: Network): Row {
  const output = layers.at(-1)?.outputShape ?? []
  const options = head === 'sigmoid' ? 'sigmoid of one unit, for 2 classes' : `softmax over ${classes} classes`
  return { layer: 'probabilities', options, output: writeShape(output), parameters: '', multiplyAdds: '' }
}

function rowOf({ layer, outputShape, parameters, multiplyAdds }: PlannedLayer): Row {
  const { kind, name } = layer
  return {
    layer: name.startsWith(kind) ? name : `${name} (${kind})`,
    options: optionsOf(layer).join(', '),
    output: writeShape(outputShape),
    parameters: counted(countValues(parameters)),
    multiplyAdds: counted(multiplyAdds),
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
  const { trainable, nonTrainable, layers, inputShape } = network
  const multiplyAdds = layers.reduce((sum, layer) => sum + layer.multiplyAdds, 0)
  return [
    `${counted(trainable + nonTrainable)} parameters: ${counted(trainable)} to train, ${counted(nonTrainable)} moving statistics`,
    `${counted(multiplyAdds)} multiply-adds forward for an image of ${counted(sizeOf(inputShape))} values`,
    `${(activationBytes(network) / 1024).toFixed(1)} KiB of activations for an image`,
  ]
}

/** Left-aligned text, right-aligned numbers, two spaces between columns. */
function table(rows: readonly Row[]): string[] {
  const widths = columns.map((column) => Math.max(...[heading, ...rows].map((row) => row[column].length)))
  return [heading, ...rows].map((row) =>
    columns
      .map((column, index) => {
        const width = widths[index] ?? 0
        return column === 'parameters' || column === 'multiplyAdds' ? row[column].padStart(width) : row[column].padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

function counted(count: number): string {
  return count.toLocaleString('en-US')
}
