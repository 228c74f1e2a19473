/** Rows of a table by index. tfjs's own gather reads the indices back to check them, which would stop the device at every step. */
import * as tf from '@tensorflow/tfjs-core'
import { attribute, type DType } from './attributes.ts'
import { activeRecorder, executeOne, isTensorFlow } from './tensorflow.ts'

/** table [n, …], indices int32 [b] -> [b, …]. Indices are ours, so in range. Not differentiable. */
export function gatherRows<T extends tf.Tensor>(table: T, indices: tf.Tensor1D, dtype: DType = 'float32'): T {
  if (!isTensorFlow()) return tf.gather(table, indices)
  const recorder = activeRecorder()
  if (recorder?.isResource(table)) {
    const attributes = [
      attribute.type('dtype', dtype),
      attribute.type('Tindices', 'int32'),
      attribute.int('batch_dims', 0),
      attribute.bool('validate_indices', true),
    ]
    const shape = [indices.shape[0], ...table.shape.slice(1)]
    const [rows] = recorder.emit('ResourceGather', attributes, [table, indices], [{ shape, dtype }])
    return rows as T
  }
  const axis = tf.scalar(0, 'int32')
  const attributes = [
    attribute.int('batch_dims', 0),
    attribute.type('Tparams', dtype),
    attribute.type('Tindices', 'int32'),
    attribute.type('Taxis', 'int32'),
  ]
  const rows = executeOne('GatherV2', attributes, [table, indices, axis])
  axis.dispose()
  return rows as T
}
