/** The stack with every layer's kind, name and sizes spelled out. */
import type { Initializer, Layer, Pair } from './experiment.ts'
import type { Written } from './schema/experiment-schema.ts'

type WrittenLayer = Written['model']['layers'][number]
type WrittenConvolution = NonNullable<WrittenLayer['depthwiseConv2d']>
type WrittenInitializer = WrittenConvolution['biasInitializer']
type WrittenPooling = NonNullable<WrittenLayer['maxPooling2d']>

/** A layer without an id is called by its kind and its number among its kind, from 1: "dropout_2". */
export function normaliseLayers(written: readonly WrittenLayer[], classes: number): Layer[] {
  const counts = new Map<string, number>()
  return written.map((layer) => {
    const options = normaliseLayer(layer, classes)
    const count = (counts.get(options.kind) ?? 0) + 1
    counts.set(options.kind, count)
    return { ...options, name: layer.id ?? `${options.kind}_${count}` }
  })
}

type Unnamed<L> = L extends Layer ? Omit<L, 'name'> : never

function normaliseLayer(written: WrittenLayer, classes: number): Unnamed<Layer> {
  return normaliseWithWeights(written, classes) ?? normaliseWithoutWeights(written)
}

function normaliseWithWeights(written: WrittenLayer, classes: number): Unnamed<Layer> | null {
  const { conv2d, separableConv2d, depthwiseConv2d, dense, batchNormalization } = written
  if (conv2d) {
    return { ...conv2d, ...convolution(conv2d), kind: 'conv2d', kernelInitializer: initializer(conv2d.kernelInitializer) }
  }
  if (separableConv2d) {
    const { depthwiseInitializer, pointwiseInitializer } = separableConv2d
    return {
      ...separableConv2d,
      ...convolution(separableConv2d),
      kind: 'separableConv2d',
      depthwiseInitializer: initializer(depthwiseInitializer),
      pointwiseInitializer: initializer(pointwiseInitializer),
    }
  }
  if (depthwiseConv2d) {
    const depthwiseInitializer = initializer(depthwiseConv2d.depthwiseInitializer)
    return { ...depthwiseConv2d, ...convolution(depthwiseConv2d), kind: 'depthwiseConv2d', depthwiseInitializer }
  }
  if (dense) {
    return {
      ...dense,
      kind: 'dense',
      units: dense.units === 'classes' ? classes : dense.units,
      kernelInitializer: initializer(dense.kernelInitializer),
      biasInitializer: initializer(dense.biasInitializer),
    }
  }
  return batchNormalization ? { ...batchNormalization, kind: 'batchNormalization' } : null
}

function normaliseWithoutWeights(written: WrittenLayer): Unnamed<Layer> {
  const { maxPooling2d, averagePooling2d, dropout, spatialDropout2d, activation, leakyReLU } = written
  if (maxPooling2d) return { ...pooling(maxPooling2d), kind: 'maxPooling2d' }
  if (averagePooling2d) return { ...pooling(averagePooling2d), kind: 'averagePooling2d' }
  if (written.globalMaxPooling2d) return { kind: 'globalMaxPooling2d' }
  if (written.globalAveragePooling2d) return { kind: 'globalAveragePooling2d' }
  if (dropout) return { ...dropout, kind: 'dropout' }
  if (spatialDropout2d) return { ...spatialDropout2d, kind: 'spatialDropout2d' }
  if (activation) return { ...activation, kind: 'activation' }
  if (leakyReLU) return { ...leakyReLU, kind: 'leakyReLU' }
  if (written.flatten) return { kind: 'flatten' }
  throw new Error('a layer without a kind got past the schema')
}

function convolution({ kernelSize, strides, biasInitializer }: Pick<WrittenConvolution, 'kernelSize' | 'strides' | 'biasInitializer'>) {
  return { kernelSize: pair(kernelSize), strides: pair(strides), biasInitializer: initializer(biasInitializer) }
}

function pooling({ poolSize, strides, padding }: WrittenPooling) {
  return { poolSize: pair(poolSize), strides: pair(strides ?? poolSize), padding }
}

function pair(written: number | Pair): Pair {
  return typeof written === 'number' ? [written, written] : written
}

function initializer(written: WrittenInitializer): Initializer {
  if (typeof written === 'string') return { kind: written }
  const { constant, randomUniform, randomNormal, truncatedNormal } = written
  if (constant) return { kind: 'constant', ...constant }
  if (randomUniform) return { kind: 'randomUniform', ...randomUniform }
  if (randomNormal) return { kind: 'randomNormal', ...randomNormal }
  if (truncatedNormal) return { kind: 'truncatedNormal', ...truncatedNormal }
  throw new Error('an initializer without a kind got past the schema')
}
