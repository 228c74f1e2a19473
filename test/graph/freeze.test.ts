/** A network as a SavedModel with a signature, run by tfjs-node's own reader at batch sizes that nobody named. */
import { createRequire } from 'node:module'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeCheckpoint } from '../../src/engine/checkpoint.ts'
import { createModel } from '../../src/engine/model.ts'
import { writeSavedModel } from '../../src/engine/saved-model.ts'
import { predictStep } from '../../src/engine/steps.ts'
import type { Layer } from '../../src/experiment/experiment.ts'
import { uint8Tensor } from '../../src/kernels/tensorflow.ts'
import { planNetwork } from '../../src/network/plan-network.ts'
import { conv2d, dense, depthwiseConv2d, experimentWith, flatten } from '../network/stack.ts'
import { largestDifference, loadTensorflow } from '../tfjs.ts'
import { layers as cancerNetLike } from './small-training.ts'

loadTensorflow({ onednn: true })

interface SavedModel {
  predict(inputs: { images: tf.Tensor }): { probabilities: tf.Tensor }
  dispose(): void
}
const { node } = createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu') as {
  node: { loadSavedModel(path: string, tags: string[], signature: string): Promise<SavedModel> }
}

const stacks: Readonly<Record<string, readonly Layer[]>> = {
  'like CancerNet': cancerNetLike,
  'with one sigmoid unit behind global pooling': [
    conv2d(4, { activation: 'relu', kernelSize: [1, 1] }),
    depthwiseConv2d({ activation: 'leakyReLU' }),
    { kind: 'averagePooling2d', name: 'averagePooling2d_1', poolSize: [2, 2], strides: [2, 2], padding: 'valid' },
    { kind: 'globalAveragePooling2d', name: 'globalAveragePooling2d_1' },
    dense(1, { activation: 'sigmoid' }),
  ],
  'of activations and a global maximum': [
    conv2d(4, { activation: 'elu' }),
    { kind: 'leakyReLU', name: 'leakyReLU_1', alpha: 0.1 },
    { kind: 'globalMaxPooling2d', name: 'globalMaxPooling2d_1' },
    dense(3, { activation: 'tanh' }),
    { kind: 'activation', name: 'activation_1', activation: 'swish' },
    dense(2, { name: 'dense_2', activation: 'softmax' }),
  ],
  'of one layer': [flatten, dense(2, { activation: 'softmax' })],
}

let scratch: string
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'runner-freeze-'))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

describe('a network as a SavedModel', () => {
  it.each(Object.entries(stacks))('%s gives the probabilities of the network for any number of images', async (name, layers) => {
    const located = experimentWith(layers, { shape: [12, 12, 3], classes: 2 })
    const { experiment } = located
    const { value: network } = planNetwork(located)
    if (!network) throw new Error(`${name} is at fault`)
    const model = createModel(network, experiment.optimizer, 7)
    const tensors = new Map([...model.variables].map(([key, variable]) => [key, variable.dataSync<'float32'>().slice()]))
    const checkpoints = join(scratch, name, 'checkpoints')
    writeCheckpoint(checkpoints, 1, tensors, { version: 1, epoch: 1, step: 1, best: null, patience: null }, true)
    const folder = join(scratch, name, 'saved-model')
    await writeSavedModel({ network, checkpoints, folder })
    const loaded = await node.loadSavedModel(folder, ['serve'], 'serving_default')
    // Elsewhere there are none of our operations, which predict here.
    expect(await readFile(join(folder, 'saved_model.pb'), 'latin1')).not.toContain('Runner')
    const step = predictStep({ model: { network, variables: model.variables }, source: 'feed', imageShape: [12, 12, 3], batchSizes: [] })
    for (const batch of [1, 5]) {
      const pixels = Uint8Array.from({ length: batch * 12 * 12 * 3 }, (_, index) => (index * 37 + batch) % 256)
      const { logits } = step.body({ pixels: uint8Tensor(pixels, [batch, 12, 12, 3]) })
      const expected = logits && tf.softmax(logits)
      const { probabilities } = loaded.predict({ images: tf.tensor(pixels, [batch, 12, 12, 3], 'int32') })
      expect(probabilities.shape).toEqual([batch, 2])
      expect(largestDifference(probabilities.dataSync(), expected?.dataSync() ?? [])).toBeLessThan(1e-5)
    }
    loaded.dispose()
  })
})
