/**
 * Writes the compiled graph of an experiment as a SavedModel and prints, as JSON, the calls in it and the rates of this machine in
 * TensorFlow: a matrix product and a copy. Runs in the engine's environment. usage: write-graph.mjs FILE BATCH OUT
 */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { dist, load } from './training.mjs'

await dist('setup/node-compat.js')
const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu')
const { createModel } = await dist('engine/model.js')
const { imageTable, trainStep } = await dist('engine/steps.js')
const { traceProgram } = await dist('graph/graph-program.js')
const { encodeSavedModel } = await dist('graph/saved-model.js')

const [file, batch, out] = process.argv.slice(2)
const { experiment, network } = await load(file)
const model = createModel(network, experiment.optimizer, experiment.seed)
const options = { model, source: 'table', imageShape: network.inputShape, batchSizes: [Number(batch)] }
const step = trainStep({ ...options, loss: experiment.loss, classWeights: [1, 2.5], fill: null })
const table = { name: imageTable, dtype: 'uint8', shape: [1024, ...network.inputShape] }
const { nodes, calls } = traceProgram({ variables: model.variables, table, steps: [step] })
writeFileSync(join(out, 'saved_model.pb'), encodeSavedModel(nodes))

/** Seconds, the fastest of several. */
function best(work) {
  const times = Array.from({ length: 8 }, () => {
    const started = performance.now()
    tf.tidy(() => void work().dataSync())
    return (performance.now() - started) / 1000
  })
  return Math.min(...times)
}

const side = 2048
const [a, b] = [tf.randomNormal([side, side]), tf.randomNormal([side, side])]
const product = best(() => tf.sum(tf.matMul(a, b))) - best(() => tf.sum(a))
const large = tf.zeros([64 * 2 ** 20])
const copy = best(() => tf.slice(tf.neg(large), 0, 1))
console.log(
  JSON.stringify({
    call: calls.get(`train${batch}`),
    gigaflops: (2 * side ** 3) / product / 1e9,
    gigabytes: (2 * large.size * 4) / copy / 1e9,
    multiplyAdds: network.layers.reduce((total, layer) => total + layer.multiplyAdds, 0),
  }),
)
