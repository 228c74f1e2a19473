/**
 * A parameter's first values, as Keras's initialisers define them: a pure function of the seed and the parameter's name, so that variants
 * of a network share the values of the layers that they share.
 */
import type { Initializer } from '../experiment/experiment.ts'
import { keyOf, normalPair, normals, philox, uniforms } from '../random/philox.ts'
import type { Key } from '../random/philox.ts'
import { sizeOf } from './output-shape.ts'
import type { Parameter } from './plan.ts'

/** Standard deviation of a standard normal cut off at ±2: scipy.stats.truncnorm.std(-2, 2). */
const truncatedStddev = 0.87962566103423978

/** Row-major, of the parameter's shape. */
export function initialValues(parameter: Parameter, seed: number): Float32Array {
  const count = sizeOf(parameter.shape)
  const key = keyOf(seed, 'initial', parameter.name)
  return draw(parameter.initializer, parameter, key, count)
}

function draw(initializer: Initializer, { fanIn, fanOut }: Parameter, key: Key, count: number): Float32Array {
  const fanAverage = (fanIn + fanOut) / 2
  switch (initializer.kind) {
    case 'zeros':
      return new Float32Array(count)
    case 'ones':
      return new Float32Array(count).fill(1)
    case 'constant':
      return new Float32Array(count).fill(initializer.value)
    case 'randomUniform':
      return uniformBetween(initializer.minval, initializer.maxval, key, count)
    case 'randomNormal':
      return new Float32Array(normals(key, count).map((normal) => initializer.mean + initializer.stddev * normal))
    case 'truncatedNormal':
      return truncatedNormal(initializer.mean, initializer.stddev, key, count)
    case 'glorotUniform':
      return scaledUniform(1 / fanAverage, key, count)
    case 'heUniform':
      return scaledUniform(2 / fanIn, key, count)
    case 'lecunUniform':
      return scaledUniform(1 / fanIn, key, count)
    case 'glorotNormal':
      return scaledNormal(1 / fanAverage, key, count)
    case 'heNormal':
      return scaledNormal(2 / fanIn, key, count)
    case 'lecunNormal':
      return scaledNormal(1 / fanIn, key, count)
  }
}

/** Uniform with the given variance: ±sqrt(3 · variance), such as Glorot's sqrt(6 / (fanIn + fanOut)). */
function scaledUniform(variance: number, key: Key, count: number): Float32Array {
  const limit = Math.sqrt(3 * variance)
  return uniformBetween(-limit, limit, key, count)
}

/** Normal with the given variance after it was cut off at two standard deviations (Keras's VarianceScaling). */
function scaledNormal(variance: number, key: Key, count: number): Float32Array {
  return truncatedNormal(0, Math.sqrt(variance) / truncatedStddev, key, count)
}

function uniformBetween(low: number, high: number, key: Key, count: number): Float32Array {
  return new Float32Array(uniforms(key, count).map((number) => low + (high - low) * number))
}

/** What lies more than two standard deviations out is drawn again, each number with counters of its own. */
function truncatedNormal(mean: number, stddev: number, key: Key, count: number): Float32Array {
  return new Float32Array(count).map((_, index) => mean + stddev * normalWithin2(key, index))
}

function normalWithin2(key: Key, index: number): number {
  for (let attempt = 0; ; attempt++) {
    const [word0, word1] = philox(key, index, attempt)
    const within = normalPair(word0, word1).find((normal) => Math.abs(normal) <= 2)
    if (within !== undefined) return within
  }
}
