/**
 * Runs the operations of native/ on drawn numbers and prints, for each case, how far values and gradients are from sums in double precision, and
 * a hash of their bits.
 */
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'

await import('../../dist/setup/node-compat.js')
const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu')
const { normals, keyOf } = await import('../../dist/random/philox.js')
const { normalizedSeparable, separable, separableInference } = await import('../../dist/kernels/separable.js')

const epsilon = 1e-3
const drawn = (name, ...shape) => {
  const size = shape.reduce((a, b) => a * b, 1)
  return { shape, values: Float32Array.from(normals(keyOf(5, name), size)) }
}

/** [batch, height, width, channels, filters] */
const shapes = [
  [2, 6, 5, 3, 32],
  [5, 12, 12, 16, 32],
  [3, 7, 9, 10, 13],
  [1, 4, 4, 1, 1],
  [9, 3, 40, 48, 20],
  [3, 4, 6, 20, 18],
]

/** A tape of doubles would be another library: forward and the chain rule, written out. */
function reference([batch, height, width, channels, filters], { x, depthwise, w, b, gamma, beta, average, spread, weights }, form, isRelu) {
  const pixels = batch * height * width
  const neighbours = (visit) => {
    for (let image = 0; image < batch; image++)
      for (let row = 0; row < height; row++)
        for (let column = 0; column < width; column++)
          for (let tap = 0; tap < 9; tap++) {
            const [r, c] = [row + Math.floor(tap / 3) - 1, column + (tap % 3) - 1]
            if (r < 0 || c < 0 || r >= height || c >= width) continue
            visit((image * height + row) * width + column, (image * height + r) * width + c, tap)
          }
  }
  const range = (count) => Array.from({ length: count }, (_, index) => index)
  /** The upper left pixel of each window. */
  const windows = range(pixels).filter((p) => (p % width) % 2 === 0 && Math.floor(p / width) % 2 === 0)
  const peakOf = (z, corner, f) =>
    [corner, corner + 1, corner + width, corner + width + 1].reduce((best, p) => (z[p * filters + f] > z[best * filters + f] ? p : best))
  const toPeaks = (z, f) => {
    const dz = new Float64Array(pixels)
    for (const [index, corner] of windows.entries()) dz[peakOf(z, corner, f)] = weights[index * filters + f]
    return dz
  }
  const u = new Float64Array(pixels * channels)
  neighbours((to, from, tap) => {
    for (let c = 0; c < channels; c++) u[to * channels + c] += x[from * channels + c] * depthwise[tap * channels + c]
  })
  const y = new Float64Array(pixels * filters)
  for (let p = 0; p < pixels; p++)
    for (let f = 0; f < filters; f++) {
      let sum = b[f]
      for (let c = 0; c < channels; c++) sum += u[p * channels + c] * w[c * filters + f]
      y[p * filters + f] = isRelu ? Math.max(sum, 0) : sum
    }
  const dy = new Float64Array(pixels * filters)
  const result = {}
  if (form !== 'bare') {
    const [z, mean, variance, dgamma, dbeta] = [pixels * filters, filters, filters, filters, filters].map((size) => new Float64Array(size))
    for (let f = 0; f < filters; f++) {
      for (let p = 0; p < pixels; p++) mean[f] += y[p * filters + f] / pixels
      for (let p = 0; p < pixels; p++) variance[f] += (y[p * filters + f] - mean[f]) ** 2 / pixels
      const inverse = 1 / Math.sqrt(variance[f] + epsilon)
      for (let p = 0; p < pixels; p++) z[p * filters + f] = gamma[f] * (y[p * filters + f] - mean[f]) * inverse + beta[f]
      const dz = form === 'pooled' ? toPeaks(z, f) : weights.filter((_, index) => index % filters === f)
      const normal = (p) => (y[p * filters + f] - mean[f]) * inverse
      for (let p = 0; p < pixels; p++) {
        dgamma[f] += dz[p] * normal(p)
        dbeta[f] += dz[p]
      }
      for (let p = 0; p < pixels; p++)
        dy[p * filters + f] = gamma[f] * inverse * (dz[p] - dbeta[f] / pixels - (normal(p) * dgamma[f]) / pixels)
    }
    const inferred = y.map((value, index) => {
      const f = index % filters
      return (gamma[f] * (value - average[f])) / Math.sqrt(spread[f] + epsilon) + beta[f]
    })
    const peaks = (of) => windows.flatMap((corner) => range(filters).map((f) => of[peakOf(of, corner, f) * filters + f]))
    const valueOf = form === 'pooled' ? peaks : (all) => all
    Object.assign(result, { value: valueOf(z), inferred: valueOf(inferred), mean, variance, gamma: dgamma, beta: dbeta })
  } else {
    dy.set(weights)
    result.value = y
  }
  const [db, dw, du, dx, ddepthwise] = [filters, channels * filters, u.length, u.length, 9 * channels].map((size) => new Float64Array(size))
  for (let p = 0; p < pixels; p++)
    for (let f = 0; f < filters; f++) {
      const change = isRelu && y[p * filters + f] <= 0 ? 0 : dy[p * filters + f]
      db[f] += change
      for (let c = 0; c < channels; c++) {
        dw[c * filters + f] += u[p * channels + c] * change
        du[p * channels + c] += w[c * filters + f] * change
      }
    }
  neighbours((to, from, tap) => {
    for (let c = 0; c < channels; c++) {
      dx[from * channels + c] += depthwise[tap * channels + c] * du[to * channels + c]
      ddepthwise[tap * channels + c] += x[from * channels + c] * du[to * channels + c]
    }
  })
  return { ...result, x: dx, depthwise: ddepthwise, w: dw, b: db }
}

function run(shape, form, isRelu) {
  const [batch, height, width, channels, filters] = shape
  const inputs = {
    x: drawn('x', batch, height, width, channels),
    depthwise: drawn('depthwise', 3, 3, channels, 1),
    w: drawn('w', 1, 1, channels, filters),
    b: drawn('b', filters),
    ...(form !== 'bare' ? { gamma: drawn('gamma', filters), beta: drawn('beta', filters) } : {}),
  }
  // What normalises where nothing is trained.
  const averages = { average: drawn('average', filters), spread: drawn('spread', filters) }
  averages.spread.values = averages.spread.values.map((value) => value ** 2)
  const by = form === 'pooled' ? 2 : 1
  const weights = drawn('weights', batch, height / by, width / by, filters)
  const names = Object.keys(inputs)
  const actual = {}
  tf.tidy(() => {
    const tensors = names.map((name) => tf.tensor(inputs[name].values, inputs[name].shape))
    const apply = (...values) => {
      const named = Object.fromEntries(names.map((name, index) => [name, values[index]]))
      if (form === 'bare') return separable(named, isRelu)
      const { z, mean, variance } = normalizedSeparable(named, { epsilon, hasRelu: isRelu, isPooled: form === 'pooled' })
      Object.assign(actual, { mean: mean.dataSync().slice(), variance: variance.dataSync().slice() })
      return z
    }
    actual.value = apply(...tensors)
      .dataSync()
      .slice()
    if (form !== 'bare') {
      const [mean, variance] = Object.values(averages).map((tensor) => tf.tensor(tensor.values, tensor.shape))
      const named = Object.fromEntries(names.map((name, index) => [name, tensors[index]]))
      const options = { epsilon, hasRelu: isRelu, isPooled: form === 'pooled' }
      const inferred = separableInference({ ...named, mean, variance }, options)
      actual.inferred = inferred.dataSync().slice()
    }
    const gradients = tf.grads((...values) => tf.sum(tf.mul(apply(...values), tf.tensor(weights.values, weights.shape))))(tensors)
    for (const [index, gradient] of gradients.entries()) actual[names[index]] = gradient.dataSync().slice()
  })
  const values = Object.fromEntries(Object.entries({ ...inputs, ...averages, weights }).map(([name, tensor]) => [name, tensor.values]))
  const expected = reference(shape, values, form, isRelu)
  const worst = {}
  const hash = createHash('sha256')
  for (const name of Object.keys(expected).sort()) {
    // A gradient that is 0 by its nature, such as that of a bias before a normalisation, is held to numbers of the size of the inputs.
    const scale = expected[name].reduce((largest, value) => Math.max(largest, Math.abs(value)), 1)
    worst[name] = expected[name].reduce((largest, value, index) => Math.max(largest, Math.abs(actual[name][index] - value) / scale), 0)
    if (actual[name].length !== expected[name].length || actual[name].some(Number.isNaN)) worst[name] = Infinity
    hash.update(actual[name])
  }
  return { worst, hash: hash.digest('hex') }
}

const isEven = ([, height, width]) => height % 2 === 0 && width % 2 === 0
const cases = shapes.flatMap((shape, index) =>
  ['bare', 'normalized', ...(isEven(shape) ? ['pooled'] : [])].map((form) => run(shape, form, index !== 2)),
)
process.stdout.write(JSON.stringify(cases))
