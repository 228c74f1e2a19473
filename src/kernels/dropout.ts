/**
 * Dropout whose mask is a pure function of a two-word seed, drawn on the device: Srivastava et al. 2014, inverted
 * (kept values are divided by 1 - rate, so that inference is the identity).
 */
import * as tf from '@tensorflow/tfjs-core'
import { uniforms } from '../random/philox.ts'
import { attribute, executeOne, isTensorFlow, numberAttribute, shapeAttribute, uint8Tensor } from './tensorflow.ts'

const kernelName = 'RunnerDropout'

/** x of any shape; seed int32 [2]. `noiseShape` broadcasts to x: [b, 1, 1, c] drops whole channels. */
export function dropout<T extends tf.Tensor>(x: T, rate: number, seed: tf.Tensor1D, noiseShape: readonly number[] = x.shape): T {
  if (!isTensorFlow()) {
    const [low, high] = seed.dataSync()
    const draws = uniforms(
      [(low ?? 0) >>> 0, (high ?? 0) >>> 0],
      noiseShape.reduce((a, b) => a * b, 1),
    )
    const mask = tf.tensor(
      Float32Array.from(draws, (draw) => (draw >= rate ? 1 / (1 - rate) : 0)),
      [...noiseShape],
    )
    return tf.mul(x, mask)
  }
  const [y] = tf.engine().runKernel<T[]>(kernelName, { x, seed }, { rate, noiseShape: [...noiseShape] })
  if (!y) throw new Error('Internal error: dropout gave no output')
  return y
}

/**
 * Keeps an element with probability 1 - rate. Where rate is a multiple of 1/256 a random byte decides exactly and four elements share a
 * random word; other rates take a float each.
 */
function drawMask(seed: tf.TensorInfo, rate: number, shape: number[]): tf.Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  const seedType = attribute.type('Tseed', 'int32')
  if (!Number.isInteger(rate * 256)) {
    const count = tf.tensor1d(shape, 'int32')
    const draws = executeOne(
      'StatelessRandomUniform',
      [attribute.type('dtype', 'float32'), attribute.type('T', 'int32'), seedType],
      [count, seed],
    )
    return executeOne('GreaterEqual', [attribute.type('T', 'float32')], [draws, tf.scalar(rate)])
  }
  // Whole words for each row, so that every constant below grows in proportion to the batch.
  const [batch = 1] = shape
  const rowSize = size / batch
  const rowBytes = Math.ceil(rowSize / 4) * 4
  const draws = executeOne(
    'StatelessRandomUniformFullInt',
    [attribute.type('dtype', 'int32'), attribute.type('T', 'int32'), seedType],
    [tf.tensor1d([(batch * rowBytes) / 4], 'int32'), seed],
  )
  let bytes = executeOne('Bitcast', [attribute.type('T', 'int32'), attribute.type('type', 'uint8')], [draws])
  const reshape = (x: tf.TensorInfo, to: number[]) =>
    executeOne('Reshape', [attribute.type('T', 'uint8'), attribute.type('Tshape', 'int32')], [x, tf.tensor1d(to, 'int32')])
  if (rowBytes !== rowSize) {
    const attributes = [attribute.type('T', 'uint8'), attribute.type('Index', 'int32')]
    const begin = tf.tensor1d([0, 0], 'int32')
    bytes = executeOne('Slice', attributes, [reshape(bytes, [batch, rowBytes]), begin, tf.tensor1d([batch, rowSize], 'int32')])
  }
  const threshold = uint8Tensor(Uint8Array.of(Math.round(rate * 256)), [])
  return executeOne('GreaterEqual', [attribute.type('T', 'uint8')], [reshape(bytes, shape), threshold])
}

function keepWhere(mask: tf.TensorInfo, x: tf.Tensor, rate: number): tf.Tensor {
  const scaled = tf.mul(x, tf.scalar(1 / (1 - rate)))
  return executeOne('SelectV2', [attribute.type('T', 'float32')], [mask, scaled, tf.scalar(0)])
}

tf.registerKernel({
  kernelName,
  backendName: 'tensorflow',
  kernelFunc: ({ inputs, attrs }) => {
    const { x, seed } = inputs as { x: tf.Tensor; seed: tf.TensorInfo }
    const rate = numberAttribute(attrs, 'rate')
    return tf.tidy(() => {
      const mask = drawMask(seed, rate, shapeAttribute(attrs, 'noiseShape'))
      return [keepWhere(mask, x, rate), mask]
    })
  },
})
tf.registerGradient({
  kernelName,
  inputsToSave: ['seed'],
  outputsToSave: [false, true],
  gradFunc: (dy, saved, attrs) => {
    const [dOutput] = [dy].flat()
    const [seed, mask] = saved
    if (!dOutput || !seed || !mask) throw new Error('Internal error: dropout saved too little')
    const rate = numberAttribute(attrs, 'rate')
    return { x: () => keepWhere(mask, dOutput, rate), seed: () => tf.zerosLike(seed) }
  },
})
