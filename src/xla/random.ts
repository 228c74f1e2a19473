/** TensorFlow's stateless random numbers, word for word: Philox4x32-10 (Salmon et al. 2011) under a scrambled key. */
import { sizeOf, type Builder, type Value } from './builder.ts'
import { numbersOf, type Lowering } from './lowering.ts'

type Four = readonly [Value, Value, Value, Value]
type Two = readonly [Value, Value]

const word = (b: Builder, value: number): Value => b.scalar(value >>> 0, 'ui32')

/** The 64-bit product's high and low word. */
function product(b: Builder, x: Value, factor: number): Two {
  const wide = b.multiply(b.convert(x, 'ui64'), b.scalar(factor, 'ui64'))
  return [b.convert(b.binary('shift_right_logical', wide, b.scalar(32, 'ui64')), 'ui32'), b.convert(wide, 'ui32')]
}

function philox(b: Builder, counter: Four, key: Two): Four {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = product(b, c0, 0xd2511f53)
    const [high1, low1] = product(b, c2, 0xcd9e8d57)
    c0 = b.binary('xor', b.binary('xor', high1, c1), k0)
    c1 = low1
    c2 = b.binary('xor', b.binary('xor', high0, c3), k1)
    c3 = low0
    k0 = b.add(k0, word(b, 0x9e3779b9))
    k1 = b.add(k1, word(b, 0xbb67ae85))
  }
  return [c0, c1, c2, c3]
}

/** ui32 [count]: the first words under seed i32 [2] (tensorflow/core/kernels/stateless_random_ops.cc, GenerateKey). */
function words(b: Builder, count: number, seed: Value): Value {
  const unsigned = b.bitcast(seed, 'ui32', seed.shape)
  const part = (index: number): Value => b.reshape(b.slice(unsigned, [index], [1]), [])
  // TensorFlow widens a seed to 64 bits with its sign.
  const above = (low: Value): Value => b.select(b.compare('GE', low, word(b, 0x80000000)), word(b, 0xffffffff), word(b, 0))
  const [seed0, seed1] = [part(0), part(1)]
  const scrambled = philox(b, [seed0, above(seed0), seed1, above(seed1)], [word(b, 0x3ec8f720), word(b, 0x02461e29)])
  const blocks = Math.ceil(count / 4)
  const drawn = philox(b, [b.iota(0, [blocks], 'ui32'), word(b, 0), scrambled[2], scrambled[3]], [scrambled[0], scrambled[1]])
  const columns = drawn.map((lane) => b.reshape(lane, [blocks, 1]))
  const all = b.reshape(b.concatenate(columns, 1), [blocks * 4])
  return blocks * 4 === count ? all : b.slice(all, [0], [count])
}

export const random = {
  StatelessRandomUniformFullInt(b, _, shape: Value, seed: Value) {
    const sizes = numbersOf(shape)
    const drawn = words(b, sizeOf(sizes), seed)
    return b.reshape(b.bitcast(drawn, 'i32', drawn.shape), sizes)
  },
  /** In [0, 1): 23 bits behind the point of a float between 1 and 2, less 1 (tensorflow/core/lib/random, Uint32ToFloat). */
  StatelessRandomUniform(b, _, shape: Value, seed: Value) {
    const sizes = numbersOf(shape)
    const mantissa = b.binary('and', words(b, sizeOf(sizes), seed), word(b, 0x7fffff))
    const bits = b.binary('or', mantissa, word(b, 0x3f800000))
    return b.reshape(b.subtract(b.bitcast(bits, 'f32', bits.shape), b.scalar(1)), sizes)
  },
} satisfies Record<string, Lowering>
