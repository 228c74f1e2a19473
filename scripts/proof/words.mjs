/** A program of one step that only draws: dropout's random words, and what dropout keeps of ones. */
import { dist } from './job.mjs'

export const wordCount = 4096
export const batch = 32
const rowSize = 1024

/** Keys as a training draws them, words with and without the sign bit among them. */
export async function seeds() {
  const { dropoutSeeds } = await dist('engine/feeds.js')
  const drawn = Array.from({ length: 12 }, (_, step) => dropoutSeeds(['dropout_1'], 7, step))
  return [...drawn, Int32Array.of(-1, 2), Int32Array.of(1, -2), Int32Array.of(-2147483648, 2147483647), Int32Array.of(0, 0)]
}

export const ones = () => new Float32Array(batch * rowSize).fill(1)

/** As a `ProgramSource`. TensorFlow is loaded. */
export async function wordsSource() {
  const tf = await import('@tensorflow/tfjs-core')
  const { dropout } = await dist('kernels/dropout.js')
  const { attribute } = await dist('kernels/attributes.js')
  const { executeOne } = await dist('kernels/tensorflow.js')
  const attributes = [attribute.type('dtype', 'int32'), attribute.type('T', 'int32'), attribute.type('Tseed', 'int32')]
  const step = {
    name: 'draw',
    batchSizes: [batch],
    isRepeatable: false,
    arguments: [
      { name: 'x', dtype: 'float32', shape: (rows) => [rows, rowSize] },
      { name: 'seed', dtype: 'int32', shape: () => [2] },
    ],
    body: ({ x, seed }) => ({
      words: executeOne('StatelessRandomUniformFullInt', attributes, [tf.tensor1d([wordCount], 'int32'), seed]),
      kept: dropout(x, 0.25, seed),
    }),
  }
  return { variables: new Map(), table: null, steps: [step] }
}
