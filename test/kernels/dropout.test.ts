/** Dropout: the share it promises, and a mask that is a function of the seed alone. */
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { dropout } from '../../src/kernels/dropout.ts'
import { loadTensorflow } from '../tfjs.ts'

beforeAll(() => loadTensorflow({ onednn: true }))

describe.each(['tensorflow', 'cpu'])('on the %s backend', (backend) => {
  beforeAll(async () => {
    await tf.setBackend(backend)
  })

  /** What becomes of ones. */
  function dropped(shape: readonly number[], rate: number, seed: readonly [number, number], noiseShape = shape): Float32Array {
    return tf.tidy(() =>
      dropout(tf.ones([...shape]), rate, tf.tensor1d([...seed], 'int32'), noiseShape)
        .dataSync<'float32'>()
        .slice(),
    )
  }

  it.each([0.25, 0.5, 0.3, 0.1])('drops a share of %d, and scales the rest so that the mean stays', (rate) => {
    const values = dropped([64, 30, 30, 3], rate, [11, 12])
    const kept = values.filter((value) => value !== 0)
    const deviation = Math.sqrt((rate * (1 - rate)) / values.length)
    expect(Math.abs(kept.length / values.length - (1 - rate))).toBeLessThan(4 * deviation)
    expect(new Set(kept)).toEqual(new Set([Math.fround(1 / (1 - rate))]))
  })

  it('draws neighbours independently, along a row of features and from image to image', () => {
    const [batch, features] = [200, 101]
    const centred = dropped([batch, features], 0.5, [5, -6]).map((value) => value - 1)
    for (const lag of [1, 2, 3, 4, 8, features, 4 * features]) {
      const count = centred.length - lag
      const correlation = centred.subarray(lag).reduce((sum, value, index) => sum + value * (centred[index] ?? 0), 0) / count
      expect(Math.abs(correlation), `lag ${lag}`).toBeLessThan(4.5 / Math.sqrt(count))
    }
  })

  it.each([0.25, 0.3])('repeats its mask for the same seed and draws another for another (rate %d)', (rate) => {
    const shape = [16, 9, 9, 5]
    const mask = dropped(shape, rate, [1, 2])
    expect(dropped(shape, rate, [1, 2])).toEqual(mask)
    for (const seed of [
      [1, 3],
      [2, 2],
      [2, 1],
      [-1, 2],
    ] as const) {
      const agreeing = dropped(shape, rate, seed).filter((value, index) => value === mask[index]).length / mask.length
      expect(Math.abs(agreeing - (rate ** 2 + (1 - rate) ** 2))).toBeLessThan(0.03)
    }
  })

  it('drops whole channels where the noise has one value a channel', () => {
    const values = dropped([8, 5, 4, 6], 0.5, [3, 4], [8, 1, 1, 6])
    const kept = new Set<number>()
    for (let image = 0; image < 8; image++)
      for (let channel = 0; channel < 6; channel++) {
        const plane = Array.from({ length: 20 }, (_, place) => values[(image * 20 + place) * 6 + channel])
        expect(new Set(plane).size, `channel ${channel} of image ${image}`).toBe(1)
        if (plane[0] === 2) kept.add(image * 6 + channel)
      }
    expect(kept.size).toBeGreaterThan(10)
    expect(kept.size).toBeLessThan(38)
  })

  it.each([0.25, 0.3])('sends the gradient back through the same mask (rate %d)', (rate) => {
    const shape = [5, 7, 3]
    const mask = dropped(shape, rate, [21, 22])
    const gradient = tf.tidy(() => {
      const seed = tf.tensor1d([21, 22], 'int32')
      return tf
        .grad((x) => tf.sum(dropout(x, rate, seed)))(tf.ones(shape))
        .dataSync<'float32'>()
        .slice()
    })
    expect(gradient).toEqual(mask)
  })
})

describe('by operations of our own', () => {
  beforeAll(async () => {
    await tf.setBackend('tensorflow')
  })
  afterEach(() => vi.unstubAllEnvs())

  it.each([
    [0.25, [7, 5, 3, 11]],
    [0.5, [6, 256]],
    [0.25, [9, 6]],
  ] as const)("gives values and gradients bit for bit as TensorFlow's do (rate %d of %j)", (rate, shape) => {
    const [values, weights] = [tf.randomNormal([...shape], 0, 1, 'float32', 1), tf.randomNormal([...shape], 0, 1, 'float32', 2)]
    const run = (operations: string) => {
      vi.stubEnv('RUNNER_OPERATIONS', operations)
      const seed = tf.tensor1d([3, 9], 'int32')
      const { value, grads } = tf.valueAndGrads((x: tf.Tensor) => tf.sum(tf.mul(dropout(x, rate, seed), weights)))([values])
      return [value, ...grads, dropout(values, rate, seed)].map((tensor) => tensor.dataSync().slice())
    }
    const own = run('')
    expect(own).toEqual(run('tensorflow'))
    expect(own[2]?.includes(0)).toBe(true)
  })
})
