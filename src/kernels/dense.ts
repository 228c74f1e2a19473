/** Matrix product, bias and relu, each with TensorFlow's own gradient operation (tfjs composes these gradients from up to six). */
import * as tf from '@tensorflow/tfjs-core'
import { attribute } from './attributes.ts'
import { executeOne, isTensorFlow } from './tensorflow.ts'

const type = attribute.type('T', 'float32')

function multiply(a: tf.TensorInfo, b: tf.TensorInfo, transposeA: boolean, transposeB: boolean): tf.Tensor {
  return executeOne('MatMul', [type, attribute.bool('transpose_a', transposeA), attribute.bool('transpose_b', transposeB)], [a, b])
}

/** a [rows, inner] times b [inner, columns]. */
export function matMul2d(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  if (!isTensorFlow()) return tf.matMul(a, b)
  return tf.engine().runKernel('RunnerMatMul', { a, b })
}

tf.registerKernel({
  kernelName: 'RunnerMatMul',
  backendName: 'tensorflow',
  kernelFunc: ({ inputs }) => {
    const { a, b } = inputs as { a: tf.TensorInfo; b: tf.TensorInfo }
    return multiply(a, b, false, false)
  },
})
tf.registerGradient({
  kernelName: 'RunnerMatMul',
  inputsToSave: ['a', 'b'],
  gradFunc: (dy, saved) => {
    const [a, b] = saved as [tf.Tensor, tf.Tensor]
    return { a: () => multiply(dy as tf.Tensor, b, false, true), b: () => multiply(a, dy as tf.Tensor, true, false) }
  },
})

/** x […, channels] plus bias [channels]. */
export function biasAdd<T extends tf.Tensor>(x: T, bias: tf.Tensor1D): T {
  if (!isTensorFlow()) return tf.add(x, bias)
  return tf.engine().runKernel('RunnerBiasAdd', { x, bias })
}

const format = attribute.string('data_format', 'NHWC')
tf.registerKernel({
  kernelName: 'RunnerBiasAdd',
  backendName: 'tensorflow',
  kernelFunc: ({ inputs }) => {
    const { x, bias } = inputs as { x: tf.TensorInfo; bias: tf.TensorInfo }
    return executeOne('BiasAdd', [type, format], [x, bias])
  },
})
tf.registerGradient({
  kernelName: 'RunnerBiasAdd',
  gradFunc: (dy) => ({ x: () => tf.clone(dy as tf.Tensor), bias: () => executeOne('BiasAddGrad', [type, format], [dy as tf.Tensor]) }),
})

/** max(x, 0). */
export function relu<T extends tf.Tensor>(x: T): T {
  if (!isTensorFlow()) return tf.relu(x)
  return tf.engine().runKernel('RunnerRelu', { x })
}

tf.registerKernel({
  kernelName: 'RunnerRelu',
  backendName: 'tensorflow',
  kernelFunc: ({ inputs }) => executeOne('Relu', [type], [(inputs as { x: tf.TensorInfo }).x]),
})
tf.registerGradient({
  kernelName: 'RunnerRelu',
  outputsToSave: [true],
  gradFunc: (dy, saved) => ({ x: () => executeOne('ReluGrad', [type], [dy as tf.Tensor, saved[0] as tf.Tensor]) }),
})
