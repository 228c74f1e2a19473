/** Every fused TensorFlow kernel against the plain operations that stand for it elsewhere: values and gradients on random inputs. */
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { applyAdagrad } from '../../src/kernels/adagrad.ts'
import { batchNormTraining } from '../../src/kernels/batch-norm.ts'
import { sparseSoftmaxCrossEntropy } from '../../src/kernels/cross-entropy.ts'
import { biasAdd, matMul2d, relu } from '../../src/kernels/dense.ts'
import { gatherRows } from '../../src/kernels/gather.ts'
import { warp } from '../../src/kernels/images.ts'
import { releaseGradients } from '../../src/kernels/kept.ts'
import { keyOf, normals } from '../../src/random/philox.ts'
import { largestDifference, loadTensorflow } from '../tfjs.ts'

beforeAll(() => loadTensorflow({ onednn: true }))
afterEach(() => releaseGradients())

const tolerance = 1e-4

type Shapes = Readonly<Record<string, readonly number[]>>
type Inputs = Readonly<Record<string, tf.Tensor>>

/** Standard normal numbers, the same at every call. */
function drawn(name: string, shape: readonly number[]): tf.Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  return tf.tensor(Float32Array.from(normals(keyOf(3, name), size)), [...shape])
}

/** The function's value, and the gradients of sum(value · weights drawn at random) by every input. */
async function valueAndGradients(
  backend: string,
  shapes: Shapes,
  run: (inputs: Inputs) => tf.Tensor,
): Promise<Record<string, Float32Array>> {
  await tf.setBackend(backend)
  const read: Record<string, Float32Array> = {}
  tf.tidy(() => {
    const names = Object.keys(shapes)
    const valueOf = (tensors: readonly tf.Tensor[]): tf.Tensor =>
      run(Object.fromEntries(names.map((name, index) => [name, tensors[index] ?? tf.scalar(0)])))
    const inputs = names.map((name) => drawn(name, shapes[name] ?? []))
    const value = valueOf(inputs)
    read['value'] = value.dataSync<'float32'>().slice()
    const weights = drawn('weights', value.shape)
    const gradients = tf.grads((...tensors: tf.Tensor[]) => tf.sum(tf.mul(valueOf(tensors), weights)))(inputs)
    for (const [index, gradient] of gradients.entries()) read[names[index] ?? ''] = gradient.dataSync<'float32'>().slice()
  })
  return read
}

interface Case {
  readonly name: string
  readonly shapes: Shapes
  readonly run: (inputs: Inputs) => tf.Tensor
}

const cases: readonly Case[] = [
  {
    name: 'batch normalization of images',
    shapes: { x: [3, 5, 7, 4], gamma: [4], beta: [4] },
    run: ({ x, gamma, beta }) => batchNormTraining(x as tf.Tensor4D, gamma as tf.Tensor1D, beta as tf.Tensor1D, 1e-3).y,
  },
  {
    name: 'batch normalization of features',
    shapes: { x: [9, 1, 1, 10], gamma: [10], beta: [10] },
    run: ({ x, gamma, beta }) => batchNormTraining(x as tf.Tensor4D, gamma as tf.Tensor1D, beta as tf.Tensor1D, 1e-3).y,
  },
  { name: 'matrix product', shapes: { a: [7, 5], b: [5, 3] }, run: ({ a, b }) => matMul2d(a as tf.Tensor2D, b as tf.Tensor2D) },
  { name: 'bias of images', shapes: { x: [2, 3, 5, 7], bias: [7] }, run: ({ x, bias }) => biasAdd(x as tf.Tensor4D, bias as tf.Tensor1D) },
  { name: 'bias of features', shapes: { x: [5, 7], bias: [7] }, run: ({ x, bias }) => biasAdd(x as tf.Tensor2D, bias as tf.Tensor1D) },
  { name: 'relu', shapes: { x: [5, 13] }, run: ({ x }) => relu(x as tf.Tensor2D) },
  {
    name: 'cross-entropy',
    shapes: { logits: [6, 5] },
    run: ({ logits }) => sparseSoftmaxCrossEntropy(tf.mul(logits as tf.Tensor2D, 4), tf.tensor1d([0, 4, 2, 2, 1, 3], 'int32')),
  },
]

it.each(cases)('$name: value and gradients are those of plain operations', async ({ shapes, run }) => {
  const fused = await valueAndGradients('tensorflow', shapes, run)
  const plain = await valueAndGradients('cpu', shapes, run)
  expect(Object.keys(fused)).toEqual(['value', ...Object.keys(shapes)])
  for (const [name, values] of Object.entries(fused)) expect(largestDifference(values, plain[name] ?? []), name).toBeLessThan(tolerance)
})

describe.each(['tensorflow', 'cpu'])('on the %s backend', (backend) => {
  beforeAll(async () => {
    await tf.setBackend(backend)
  })

  it('hands out the plain variance of a batch, not the corrected one', () => {
    const [mean, variance] = tf.tidy(() => {
      const x = tf.tensor4d([1, 2, 3, 6], [2, 2, 1, 1])
      const statistics = batchNormTraining(x, tf.ones([1]), tf.zeros([1]), 1e-3)
      return [statistics.mean.dataSync()[0], statistics.varianceTimes(1).dataSync()[0]]
    })
    expect(mean).toBeCloseTo(3, 6)
    expect(variance).toBeCloseTo(3.5, 6)
  })

  it("keeps the cross-entropy finite where a softmax's probability would be 0", () => {
    const losses = tf.tidy(() => sparseSoftmaxCrossEntropy(tf.tensor2d([[200, -200]]), tf.tensor1d([1], 'int32')).dataSync())
    expect(losses[0]).toBeCloseTo(400, 3)
  })

  it('adds epsilon below the root of Adagrad, so that it moves by the rate where the gradient is all there is', () => {
    tf.tidy(() => {
      const [weights, accumulator] = [tf.variable(tf.tensor1d([1, 1])), tf.variable(tf.tensor1d([1e-7, 0.1]))]
      applyAdagrad(weights, accumulator, tf.tensor1d([2, -1]), tf.scalar(0.5))
      expect(largestDifference(accumulator.dataSync(), [4, 1.1])).toBeLessThan(1e-6)
      expect(largestDifference(weights.dataSync(), [0.5, 1 + 0.5 / Math.sqrt(1.1)])).toBeLessThan(1e-6)
    })
    tf.disposeVariables()
  })

  it('gathers rows in the order that is asked, also twice', () => {
    const rows = tf.tidy(() =>
      gatherRows(
        tf.tensor2d([
          [1, 2],
          [3, 4],
          [5, 6],
        ]),
        tf.tensor1d([2, 0, 2], 'int32'),
      ).dataSync(),
    )
    expect([...rows]).toEqual([5, 6, 1, 2, 5, 6])
  })

  it('gives the very image back under the identity, and its mirror image under a flip', () => {
    tf.tidy(() => {
      const image = tf.round<tf.Tensor4D>(tf.mul(tf.abs(drawn('image', [1, 6, 8, 3])), 60))
      const moved = (transform: number[]): number[] => [...warp(image, tf.tensor2d(transform, [1, 8]), 'nearest').dataSync()]
      expect(moved([1, 0, 0, 0, 1, 0, 0, 0])).toEqual([...image.dataSync()])
      expect(moved([-1, 0, 7, 0, 1, 0, 0, 0])).toEqual([...tf.reverse(image, 2).dataSync()])
      expect(moved([1, 0, 0, 0, -1, 5, 0, 0])).toEqual([...tf.reverse(image, 1).dataSync()])
    })
  })
})
