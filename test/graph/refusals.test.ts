/** What cannot become a graph is refused by name while it is traced, not silently frozen. */
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { compileProgram } from '../../src/graph/graph-program.ts'
import type { StepFunction } from '../../src/graph/step-function.ts'
import { inScope } from '../../src/kernels/tensorflow.ts'
import { loadTensorflow } from '../tfjs.ts'

beforeAll(() => loadTensorflow({ onednn: true }))
afterEach(() => tf.disposeVariables())

function compile(body: (x: tf.Tensor) => tf.Tensor): void {
  const step: StepFunction = {
    name: 'train',
    isRepeatable: false,
    arguments: [{ name: 'x', dtype: 'float32', shape: (batch) => [batch, 3] }],
    batchSizes: [4],
    body: ({ x }) => ({ y: inScope('dense_1', () => body(x as tf.Tensor)) }),
  }
  compileProgram({ variables: new Map(), table: null, steps: [step] }).dispose()
}

it('compiles what is fit to be one', () => {
  expect(() => compile((x) => tf.mul(x, 2))).not.toThrow()
})

it('names the layer that reads a value back', () => {
  expect(() =>
    compile((x) => {
      x.dataSync()
      tf.mul(x, 2).dataSync()
      return x
    }),
  ).toThrow(/in dense_1, a value is read back/)
})

it('refuses unseeded random numbers', () => {
  expect(() => compile((x) => tf.mul(x, Math.random()))).toThrow(/in dense_1, unseeded random numbers/)
})

it('refuses a tensor from outside', () => {
  const outside = tf.tidy(() => tf.mul(tf.tensor1d([1, 2, 3]), 2))
  expect(() => compile((x) => tf.add(x, outside))).toThrow(/in dense_1, a tensor from outside the step/)
})

it('refuses a variable that is made inside', () => {
  expect(() => compile((x) => tf.add(x, tf.variable(tf.scalar(1))))).toThrow(/is made inside the step/)
})

it('refuses a mask that was drawn on the host', () => {
  expect(() => compile((x) => tf.sum(tf.mul(tf.slice(x, [0, 0], [1, 1]), tf.randomUniform([80, 80], 0, 1, 'float32', 3))))).toThrow(
    /6400 numbers from the host would be frozen/,
  )
})
