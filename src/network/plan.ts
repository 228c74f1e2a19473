/** The network worked out from the experiment alone: shapes, parameters and costs, without TensorFlow. */
import type { Initializer, Layer } from '../experiment/experiment.ts'

/** Without the batch dimension: [height, width, channels] or [features]. */
export type Shape = readonly number[]

export interface Parameter {
  /** `<layer>/<role>`: "separableConv2d_1/depthwise_kernel", "batchNormalization_2/moving_mean". */
  readonly name: string
  readonly role: 'kernel' | 'depthwise_kernel' | 'pointwise_kernel' | 'bias' | 'gamma' | 'beta' | 'moving_mean' | 'moving_variance'
  readonly shape: Shape
  readonly initializer: Initializer
  /** Inputs and outputs of one unit, as Glorot, He and LeCun count them. */
  readonly fanIn: number
  readonly fanOut: number
  readonly isTrainable: boolean
  /** The loss gains l2 * sum(w²); 0 is none. */
  readonly l2: number
}

export interface PlannedLayer {
  readonly layer: Layer
  readonly inputShape: Shape
  readonly outputShape: Shape
  readonly parameters: readonly Parameter[]
  /** Multiply-adds of one image, forward. */
  readonly multiplyAdds: number
}

export interface Network {
  readonly inputShape: Shape
  readonly classes: number
  readonly layers: readonly PlannedLayer[]
  /** In layer order: the order of checkpoints and of the exported model. */
  readonly parameters: readonly Parameter[]
  /** What the last layer's activation makes of the logits. `sigmoid` has one unit and stands for two classes. */
  readonly head: 'softmax' | 'sigmoid'
  readonly trainable: number
  readonly nonTrainable: number
}
