/**
 * Dropout whose mask is a pure function of a two-word seed, drawn on the device: Srivastava et al. 2014, inverted
 * (kept values are divided by 1 - rate, so that inference is the identity).
 */
import * as tf from '@tensorflow/tfjs-core'
import { uniforms } from '../random/philox.ts'
import { attribute } from './attributes.ts'
import { executeOne, hasNativeOperations, isTensorFlow, numberAttribute, shapeAttribute, uint8Tensor } from './tensorflow.ts'

const kernelName = 'RunnerDropout'

/** x of any shape; seed int32 [2]. `noiseShape` broadcasts to x: [b, 1, 1, c] drops whole channels. */
export function dropout<T extends tf.Tensor>(x: T, rate: number, seed: tf.Tensor1D, noiseShape: readonly number[] = x.shape): T {
  if (!isTensorFlow()) {
    const [low, high] = seed.dataSync()
    const draws = uniforms([(low ?? 0) >>> 0, (high ?? 0) >>> 0], tf.util.sizeFromShape([...noiseShape]))
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

/** At which rate elements are dropped, and the shape that is drawn for. */
interface Draw {
  readonly rate: number
  readonly shape: readonly number[]
}

/** Where rate is a multiple of 1/256 a random byte decides exactly, and four elements share a random word; other rates take a float each. */
const isByByte = ({ rate }: Draw): boolean => Number.isInteger(rate * 256)

/** Whether an operation of ours applies the bytes as they are drawn: at once what is four of TensorFlow's. */
function isNative(draw: Draw, x: tf.TensorInfo): boolean {
  return isByByte(draw) && hasNativeOperations() && draw.shape.join() === x.shape.join()
}

const seedType = attribute.type('Tseed', 'int32')

/** A random byte for each element, int32 [words], whole words for each row, so that every constant grows in proportion to the batch. */
function drawWords(seed: tf.TensorInfo, { shape }: Draw): tf.Tensor {
  const [batch = 1] = shape
  return executeOne(
    'StatelessRandomUniformFullInt',
    [attribute.type('dtype', 'int32'), attribute.type('T', 'int32'), seedType],
    [tf.tensor1d([batch * Math.ceil(tf.util.sizeFromShape([...shape]) / batch / 4)], 'int32'), seed],
  )
}

/** Which elements are kept, each with probability 1 - rate: bool, of the draw's shape. */
function drawMask(seed: tf.TensorInfo, draw: Draw): tf.Tensor {
  const shape = [...draw.shape]
  if (!isByByte(draw)) {
    const draws = executeOne(
      'StatelessRandomUniform',
      [attribute.type('dtype', 'float32'), attribute.type('T', 'int32'), seedType],
      [tf.tensor1d(shape, 'int32'), seed],
    )
    return executeOne('GreaterEqual', [attribute.type('T', 'float32')], [draws, tf.scalar(draw.rate)])
  }
  const [batch = 1] = shape
  const rowSize = tf.util.sizeFromShape(shape) / batch
  const rowBytes = Math.ceil(rowSize / 4) * 4
  let bytes = executeOne('Bitcast', [attribute.type('T', 'int32'), attribute.type('type', 'uint8')], [drawWords(seed, draw)])
  const reshape = (x: tf.TensorInfo, to: number[]) =>
    executeOne('Reshape', [attribute.type('T', 'uint8'), attribute.type('Tshape', 'int32')], [x, tf.tensor1d(to, 'int32')])
  if (rowBytes !== rowSize) {
    const attributes = [attribute.type('T', 'uint8'), attribute.type('Index', 'int32')]
    const begin = tf.tensor1d([0, 0], 'int32')
    bytes = executeOne('Slice', attributes, [reshape(bytes, [batch, rowBytes]), begin, tf.tensor1d([batch, rowSize], 'int32')])
  }
  const threshold = uint8Tensor(Uint8Array.of(draw.rate * 256), [])
  return executeOne('GreaterEqual', [attribute.type('T', 'uint8')], [reshape(bytes, shape), threshold])
}

/** `drawn` is what `drawWords` gave where `isNative`, else what `drawMask` gave. */
function keepWhere(drawn: tf.TensorInfo, x: tf.Tensor, draw: Draw): tf.Tensor {
  if (isNative(draw, x)) return executeOne('RunnerDropout', [attribute.int('threshold', draw.rate * 256)], [x, drawn])
  const scaled = tf.mul(x, tf.scalar(1 / (1 - draw.rate)))
  return executeOne('SelectV2', [attribute.type('T', 'float32')], [drawn, scaled, tf.scalar(0)])
}

const drawOf = (attributes: tf.NamedAttrMap | undefined): Draw => ({
  rate: numberAttribute(attributes, 'rate'),
  shape: shapeAttribute(attributes, 'noiseShape'),
})

tf.registerKernel({
  kernelName,
  backendName: 'tensorflow',
  kernelFunc: ({ inputs, attrs }) => {
    const { x, seed } = inputs as { x: tf.Tensor; seed: tf.TensorInfo }
    const draw = drawOf(attrs)
    return tf.tidy(() => {
      const drawn = isNative(draw, x) ? drawWords(seed, draw) : drawMask(seed, draw)
      return [keepWhere(drawn, x, draw), drawn]
    })
  },
})
tf.registerGradient({
  kernelName,
  inputsToSave: ['seed'],
  outputsToSave: [false, true],
  gradFunc: (dy, saved, attrs) => {
    const [dOutput] = [dy].flat()
    const [seed, drawn] = saved
    if (!dOutput || !seed || !drawn) throw new Error('Internal error: dropout saved too little')
    return { x: () => keepWhere(drawn, dOutput, drawOf(attrs)), seed: () => tf.zerosLike(seed) }
  },
})
