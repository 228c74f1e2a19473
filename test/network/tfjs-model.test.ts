import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import type { Layer } from '../../src/experiment/experiment.ts'
import { initialValues } from '../../src/network/initial-values.ts'
import { parametersOf } from '../../src/network/parameters.ts'
import { planNetwork } from '../../src/network/plan-network.ts'
import type { Network } from '../../src/network/plan.ts'
import { tfjsModel } from '../../src/network/tfjs-model.ts'
import { readFixture } from '../parity/fixtures.ts'
import type { FixtureTensor } from '../parity/fixtures.ts'
import { conv2d, dense, experimentWith, maxPooling2d } from './stack.ts'

function planned(layers: readonly Layer[], shape: readonly number[], classes: number): Network {
  const { value, diagnostics } = planNetwork(experimentWith(layers, { shape, classes }))
  if (!value) throw new Error(JSON.stringify(diagnostics))
  return value
}

/** One layer alone, and the softmax of whatever it gives. */
function networkOf(layer: Layer, inputShape: readonly number[], outputShape: readonly number[]): Network {
  const parameters = parametersOf(layer, inputShape)
  const layers = [{ layer, inputShape, outputShape, parameters, multiplyAdds: 0 }]
  return { inputShape, classes: 2, layers, parameters, head: 'softmax', trainable: 0, nonTrainable: 0 }
}

/** What stock tfjs makes of the file and the bytes, read as if from a folder. */
async function load(network: Network, valuesOf: (name: string) => readonly number[]): Promise<tf.LayersModel> {
  const { modelTopology, weightsManifest } = JSON.parse(JSON.stringify(tfjsModel(network, 'exported'))) as {
    modelTopology: object
    weightsManifest: [{ weights: tf.io.WeightsManifestEntry[] }]
  }
  const weightData = Float32Array.from(network.parameters.flatMap(({ name }) => valuesOf(name))).buffer
  return tf.loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs: weightsManifest[0].weights, weightData }))
}

function predict(model: tf.LayersModel, { shape, values }: FixtureTensor): readonly number[] {
  return tf.tidy(() => {
    const output = model.predict(tf.tensor([...values], [...shape]))
    if (Array.isArray(output)) throw new Error('one output expected')
    return [...output.dataSync()]
  })
}

describe('the exported model in stock tfjs', () => {
  for (const { name, layers, inputShape, classes, steps, predictions } of readFixture('trainings')) {
    it(`predicts what Keras predicts with the same weights: ${name}`, async () => {
      const last = steps.at(-1)
      if (!last) throw new Error('a training without steps')
      const model = await load(planned(layers, inputShape, classes), (parameter) => last.parameters[parameter]?.values ?? [])
      const probabilities = predict(model, last.images)
      expect(probabilities).toHaveLength(predictions.values.length)
      for (const [index, probability] of probabilities.entries()) expect(probability).toBeCloseTo(predictions.values[index] ?? -1, 5)
      model.dispose()
    })
  }

  for (const { name, layer, input, output, parameters } of readFixture('layers')) {
    it(`computes what Keras computes: ${name}`, async () => {
      const inputShape = input.shape.slice(1)
      const network = networkOf(layer, inputShape, output.shape.slice(1))
      const model = await load(network, (parameter) => parameters[parameter.slice(layer.name.length + 1)]?.values ?? [])
      const probabilities = predict(model, input)
      const expected = tf.tidy(() => tf.softmax(tf.tensor([...output.values], [...output.shape])).dataSync())
      for (const [index, probability] of probabilities.entries()) expect(probability).toBeCloseTo(expected[index] ?? -1, 5)
      model.dispose()
    })
  }

  it('takes every kind of layer, activation and initializer', async () => {
    const activations = ['linear', 'relu', 'relu6', 'leakyReLU', 'elu', 'selu', 'sigmoid', 'tanh', 'softplus', 'swish', 'softmax'] as const
    const initializers = ['glorotUniform', 'glorotNormal', 'heUniform', 'heNormal', 'lecunUniform', 'lecunNormal'] as const
    const network = planned(
      [
        ...activations.map((activation, index) =>
          conv2d(2, {
            name: `conv_${activation}`,
            activation,
            kernelSize: [1, 1],
            kernelL2: 0.01,
            kernelInitializer: { kind: initializers[index % initializers.length] ?? 'glorotUniform' },
          }),
        ),
        ...activations.map((activation): Layer => ({ kind: 'activation', name: `only_${activation}`, activation })),
        { kind: 'spatialDropout2d', name: 'spatialDropout2d_1', rate: 0.2 },
        { kind: 'batchNormalization', name: 'plain', momentum: 0.9, epsilon: 0.001, center: false, scale: false },
        { kind: 'leakyReLU', name: 'leakyReLU_1', alpha: 0.1 },
        maxPooling2d(2),
        { kind: 'averagePooling2d', name: 'averagePooling2d_1', poolSize: [2, 3], strides: [1, 2], padding: 'same' },
        { kind: 'globalMaxPooling2d', name: 'globalMaxPooling2d_1' },
        dense(4, { name: 'constant', kernelInitializer: { kind: 'constant', value: 0.1 } }),
        dense(4, { name: 'normal', kernelInitializer: { kind: 'truncatedNormal', mean: 0, stddev: 0.1 } }),
        { kind: 'dropout', name: 'dropout_1', rate: 0.5 },
        dense(3, { name: 'head', activation: 'softmax', kernelInitializer: { kind: 'randomUniform', minval: -1, maxval: 1 } }),
      ],
      [6, 6, 3],
      3,
    )
    const parameters = new Map(network.parameters.map((parameter) => [parameter.name, [...initialValues(parameter, 1)]]))
    const model = await load(network, (name) => parameters.get(name) ?? [])
    expect(model.countParams()).toBe(network.trainable + network.nonTrainable)
    const probabilities = predict(model, { shape: [1, 6, 6, 3], values: Array.from({ length: 108 }, (_, index) => (index % 7) / 7) })
    expect(probabilities.reduce((sum, probability) => sum + probability, 0)).toBeCloseTo(1, 5)
    model.dispose()
  })
})
