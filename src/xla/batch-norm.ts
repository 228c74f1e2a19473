/** Batch normalisation of [batch, height, width, channels] (Ioffe and Szegedy 2015), as TensorFlow's operations define it. */
import { sizeOf, type Builder, type Value } from './builder.ts'
import type { Lowering } from './lowering.ts'

const overImages = [0, 1, 2]

/** A number a channel, repeated over `like`. */
export function lastAxis(b: Builder, channels: Value, like: Value): Value {
  return b.broadcastInto(channels, [like.shape.length - 1], like.shape)
}

/** Values a channel. */
function countOf({ shape }: Value): number {
  return sizeOf(shape) / (shape.at(-1) ?? 1)
}

function meanOf(b: Builder, x: Value): Value {
  return b.multiply(b.reduce('add', x, overImages), b.scalar(1 / countOf(x)))
}

export const batchNorm = {
  /** By given moments. */
  FusedBatchNorm(b, attributes, x: Value, gamma: Value, beta: Value, mean: Value, variance: Value) {
    if (attributes.flag('is_training')) throw new Error('FusedBatchNorm in training')
    const scale = b.multiply(gamma, b.unary('rsqrt', b.add(variance, b.scalar(attributes.number('epsilon')))))
    return b.add(b.multiply(b.subtract(x, lastAxis(b, mean, x)), lastAxis(b, scale, x)), lastAxis(b, beta, x))
  },
  /** Gives y, the mean, the variance by n - 1, and what the gradient wants: the mean, 1 / sqrt(variance + epsilon), nothing. */
  FusedBatchNormV3(b, attributes, x: Value, gamma: Value, beta: Value) {
    if (!attributes.flag('is_training')) throw new Error('FusedBatchNormV3 outside of training')
    const count = countOf(x)
    const mean = meanOf(b, x)
    const centred = b.subtract(x, lastAxis(b, mean, x))
    const variance = meanOf(b, b.multiply(centred, centred))
    const inverse = b.unary('rsqrt', b.add(variance, b.scalar(attributes.number('epsilon'))))
    const y = b.add(b.multiply(centred, lastAxis(b, b.multiply(inverse, gamma), x)), lastAxis(b, beta, x))
    return [y, mean, b.multiply(variance, b.scalar(count / Math.max(1, count - 1))), mean, inverse, mean]
  },
  FusedBatchNormGradV3(b, _, dy: Value, x: Value, gamma: Value, mean: Value, inverse: Value) {
    const share = b.scalar(1 / countOf(x))
    const normalized = b.multiply(b.subtract(x, lastAxis(b, mean, x)), lastAxis(b, inverse, x))
    const dBeta = b.reduce('add', dy, overImages)
    const dGamma = b.reduce('add', b.multiply(dy, normalized), overImages)
    const common = b.add(lastAxis(b, b.multiply(dBeta, share), x), b.multiply(normalized, lastAxis(b, b.multiply(dGamma, share), x)))
    return [b.multiply(lastAxis(b, b.multiply(gamma, inverse), x), b.subtract(dy, common)), dGamma, dBeta]
  },
} satisfies Record<string, Lowering>
