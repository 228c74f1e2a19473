/** Pixels to numbers, and the affine warp of augmentation. */
import * as tf from '@tensorflow/tfjs-core'
import { attribute } from './attributes.ts'
import { executeOne, isTensorFlow } from './tensorflow.ts'

export type FillMode = 'nearest' | 'reflect' | 'wrap' | 'constant'

/** uint8 images (or int32 on other backends) [b, h, w, c] -> float32, same values 0 … 255. */
export function pixelsToFloat(images: tf.Tensor4D): tf.Tensor4D {
  if (!isTensorFlow()) return tf.cast(images, 'float32')
  const attributes = [attribute.type('SrcT', 'uint8'), attribute.type('DstT', 'float32'), attribute.bool('Truncate', false)]
  return executeOne('Cast', attributes, [images]) as tf.Tensor4D
}

/** 0 … 255 -> 0 … 1. One place, because x/255 and x*(1/255) differ by an ulp and would part the trajectories. */
export function scalePixels(images: tf.Tensor4D): tf.Tensor4D {
  return tf.mul(images, tf.scalar(1 / 255))
}

/**
 * Bilinear warp of images [b, h, w, c] float32 by transforms [b, 8]: output (x, y) is read from input
 * ((t0 x + t1 y + t2) / k, (t3 x + t4 y + t5) / k), k = t6 x + t7 y + 1, x the column.
 */
export function warp(images: tf.Tensor4D, transforms: tf.Tensor2D, fill: FillMode): tf.Tensor4D {
  const [, height, width] = images.shape
  if (!isTensorFlow()) return tf.image.transform(images, transforms, 'bilinear', fill, 0, [height, width])
  const size = tf.tensor1d([height, width], 'int32')
  const fillValue = tf.scalar(0)
  const attributes = [
    attribute.type('dtype', 'float32'),
    attribute.string('interpolation', 'BILINEAR'),
    attribute.string('fill_mode', fill.toUpperCase()),
  ]
  const warped = executeOne('ImageProjectiveTransformV3', attributes, [images, transforms, size, fillValue])
  tf.dispose([size, fillValue])
  return warped as tf.Tensor4D
}
