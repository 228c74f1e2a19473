/** What one layer sees of the pass it takes part in. */
import type * as tf from '@tensorflow/tfjs-core'
import type { Parameter } from '../network/plan.ts'

export interface LayerPass {
  readonly isTraining: boolean
  /** Whether operations of native/ may be used. */
  readonly isNative: boolean
  /** The layer's variable of that role; a bug if it has none. */
  variable(role: Parameter['role']): tf.Variable
  has(role: Parameter['role']): boolean
  /** int32 [2]: the key of this layer's random numbers in this step. Training only. */
  seed(): tf.Tensor1D
}
