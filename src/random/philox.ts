/**
 * Counter-based random numbers: every number is a pure function of a key and a counter, so nothing depends on the order in which
 * numbers are drawn, and a resumed run draws what an uninterrupted one would have drawn.
 *
 * Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */

/** 64 bits of key. Made by `keyOf`. */
export type Key = readonly [number, number]

const multiplier0 = 0xd2511f53
const multiplier1 = 0xcd9e8d57
const weyl0 = 0x9e3779b9
const weyl1 = 0xbb67ae85

/** The high 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const low = aLow * bLow
  const middle1 = aHigh * bLow + (low >>> 16)
  const middle2 = aLow * bHigh + (middle1 & 0xffff)
  return (aHigh * bHigh + (middle1 >>> 16) + (middle2 >>> 16)) >>> 0
}

/** Four unsigned 32-bit words for a key and a 128-bit counter (two words of which are enough for us). */
export function philox(key: Key, counterLow: number, counterHigh = 0): [number, number, number, number] {
  let c0 = counterLow >>> 0
  let c1 = counterHigh >>> 0
  let c2 = 0
  let c3 = 0
  let k0 = key[0] >>> 0
  let k1 = key[1] >>> 0
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(multiplier0, c0)
    const low0 = Math.imul(multiplier0, c0) >>> 0
    const high1 = multiplyHigh(multiplier1, c2)
    const low1 = Math.imul(multiplier1, c2) >>> 0
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + weyl0) >>> 0
    k1 = (k1 + weyl1) >>> 0
  }
  return [c0, c1, c2, c3]
}

/**
 * Folds a seed and any number of names and integers into a key. Each part is absorbed by one Philox call over its hash, so
 * ("a", 12) and ("a1", 2) differ, and neighbouring seeds share nothing.
 */
export function keyOf(seed: number, ...parts: readonly (string | number)[]): Key {
  let key: Key = [seed >>> 0, Math.floor(seed / 0x100000000) >>> 0]
  for (const part of parts) {
    const isText = typeof part === 'string'
    const [low, high] = isText ? hash(part) : [part >>> 0, Math.floor(part / 0x100000000) >>> 0]
    const [word0, word1] = philox([(key[0] ^ (isText ? 1 : 2)) >>> 0, key[1]], low, high)
    key = [word0, word1]
  }
  return key
}

/** FNV-1a over UTF-16 code units, twice with different offsets: 64 bits, not for adversaries. */
function hash(text: string): [number, number] {
  let low = 0x811c9dc5
  let high = 0x01000193
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    low = Math.imul(low ^ unit, 0x01000193) >>> 0
    high = Math.imul(high ^ (unit + index), 0x01000193) >>> 0
  }
  return [low, high]
}

/** Uniform in [0, 1) with 32 bits, the `index`-th number of a key. */
export function uniform(key: Key, index: number): number {
  const words = philox(key, index >>> 2)
  return (words[index & 3] ?? 0) / 0x100000000
}

/** The first `count` uniform numbers of a key, in [0, 1). */
export function uniforms(key: Key, count: number): Float64Array {
  const numbers = new Float64Array(count)
  for (let block = 0; block * 4 < count; block++) {
    const words = philox(key, block)
    for (let lane = 0; lane < 4 && block * 4 + lane < count; lane++) numbers[block * 4 + lane] = (words[lane] ?? 0) / 0x100000000
  }
  return numbers
}

/** Two standard normal numbers from two unsigned 32-bit words (Box and Muller 1958). */
export function normalPair(word0: number, word1: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log((word0 + 1) / 0x100000001))
  const angle = (2 * Math.PI * word1) / 0x100000000
  return [radius * Math.cos(angle), radius * Math.sin(angle)]
}

/** Standard normal numbers, a pure function of the key. */
export function normals(key: Key, count: number): Float64Array {
  const numbers = new Float64Array(count)
  for (let index = 0; index < count; index += 2) {
    const [word0, word1] = philox(key, index >>> 1)
    const [first, second] = normalPair(word0, word1)
    numbers[index] = first
    if (index + 1 < count) numbers[index + 1] = second
  }
  return numbers
}

/** A permutation of 0 … count-1 (Fisher and Yates), a pure function of the key. */
export function permutation(key: Key, count: number): Int32Array {
  const order = new Int32Array(count).map((_, index) => index)
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(uniform(key, last) * (last + 1))
    const held = order[last] ?? 0
    order[last] = order[other] ?? 0
    order[other] = held
  }
  return order
}
