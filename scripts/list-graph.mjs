/**
 * The graph of an experiment's training step, as docs/how-it-compiles.md shows it. Needs what a first run has set up.
 * usage: node scripts/list-graph.mjs FILE [list|dot|figures]
 */
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

process.env.TF_CPP_MIN_LOG_LEVEL = '3'
const dist = new URL('../dist/', import.meta.url)
const load = (path) => import(new URL(path, dist).href)
await load('setup/node-compat.js')
createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu')

const { loadExperiment } = await load('experiment/load-experiment.js')
const { planNetwork } = await load('network/plan-network.js')
const { createModel } = await load('engine/model.js')
const { imageTable, metricsStep, predictStep, trainStep } = await load('engine/steps.js')
const { compileProgram, graphsOf } = await load('graph/graph-program.js')
const { dotGraph, handleNames, listGraph } = await load('graph/list-graph.js')
const { encodeSavedModel } = await load('graph/saved-model.js')

const [file, form = 'list'] = process.argv.slice(2)
const projectRoot = fileURLToPath(new URL('..', import.meta.url))
const { value: located } = await loadExperiment(resolve(file), { env: process.env, cwd: process.cwd(), projectRoot, set: [] })
if (!located) throw new Error(`${file} is at fault: ./runner check ${file}`)
const { experiment } = located
const { value: network } = planNetwork(located)

const { batchSize } = experiment.training
const model = createModel(network, experiment.optimizer, experiment.seed)
const options = { model, source: 'table', imageShape: network.inputShape }
// Class weights and the number of images are of the data; ones and a thousand do not change the operations.
const classWeights = experiment.dataset.classes.map(() => 1)
const fill = experiment.augmentation?.fill ?? null
const steps = [
  trainStep({ ...options, batchSizes: [batchSize], loss: experiment.loss, classWeights, fill }),
  predictStep({ ...options, batchSizes: [experiment.evaluation.batchSize] }),
  metricsStep(model),
]
const source = { variables: model.variables, table: { name: imageTable, dtype: 'uint8', shape: [1000, ...network.inputShape] }, steps }

if (form === 'figures') {
  const started = performance.now()
  compileProgram(source).dispose()
  console.log(`traced, written and loaded in ${Math.round(performance.now() - started)} ms; ${model.variables.size} variables`)
  for (const step of steps)
    for (const [batch, { nodes }] of graphsOf(source, step)) {
      const constants = nodes.filter(({ kind }) => kind === 'constant').length
      console.log(
        `${step.name} at ${batch}: ${nodes.length - constants} operations, ${constants} constants, ${encodeSavedModel(nodes).length} bytes`,
      )
    }
} else {
  const graph = graphsOf(source, steps[0]).get(batchSize)
  process.stdout.write((form === 'dot' ? dotGraph : listGraph)(graph, handleNames(source)))
}
