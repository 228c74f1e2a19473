/**
 * The plan's estimate of memory against the engine's measured peak: two epochs of a few steps over random pixels, a process for each batch
 * size. Needs what a first run has set up.
 * usage: node scripts/measure-memory.mjs FILE [--batch 32,128,512] [--steps 4] [--set path=value …]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const dist = new URL('../dist/', import.meta.url)
const load = (path) => import(new URL(path, dist).href)
const { startEngine } = await load('engine/engine.js')
const { imageSource } = await load('engine/images.js')
const { loadExperiment } = await load('experiment/load-experiment.js')
const { estimateMemory } = await load('network/memory.js')
const { planNetwork } = await load('network/plan-network.js')
const { engineEnvironment } = await load('setup/engine-environment.js')
const { ensureTensorflow } = await load('setup/tensorflow.js')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batch: { type: 'string', default: '32,128,512' },
    steps: { type: 'string', default: '4' },
    set: { type: 'string', multiple: true, default: [] },
  },
})
const [file] = positionals
const steps = Number(values.steps)
const projectRoot = fileURLToPath(new URL('..', import.meta.url))
const environment = process.env
const { value: located } = await loadExperiment(file, { env: environment, cwd: process.cwd(), projectRoot, set: values.set })
if (!located) throw new Error(`${file} is at fault: ./runner check ${file}`)
const { value: network } = planNetwork(located)
const { value: tensorflow } = await ensureTensorflow({ projectRoot, environment, report: () => undefined })

console.log('batch  estimated MiB  measured MiB  estimated / measured')
for (const batchSize of values.batch.split(',').map(Number)) {
  const { estimated, measured } = await measure(located.experiment, batchSize)
  const row = [String(batchSize).padStart(5), (estimated / 2 ** 20).toFixed(0).padStart(13), (measured / 2 ** 20).toFixed(0).padStart(12)]
  console.log([...row, (estimated / measured).toFixed(2).padStart(20)].join('  '))
}

async function measure(experiment, batchSize) {
  const { optimizer, loss, augmentation, dataset, training, evaluation, runtime } = experiment
  const [height, width, channels] = network.inputShape
  const [trained, validated] = [batchSize * steps, evaluation.batchSize]
  const rows = trained + validated
  const folder = await mkdtemp(join(tmpdir(), 'runner-memory-'))
  const pack = { path: join(folder, 'pack'), rows, height, width, channels, digest: 'random' }
  await writeFile(
    pack.path,
    Uint8Array.from({ length: rows * height * width * channels }, () => Math.random() * 256),
  )
  const engine = await startEngine({
    device: 'cpu',
    environment: engineEnvironment({ environment, tensorflow, device: 'cpu', threads: runtime.threads ?? undefined }),
  })
  try {
    const range = (from, to) => Int32Array.from({ length: to - from }, (_, index) => from + index)
    const validation = range(trained, rows)
    const result = await engine.train(
      {
        seed: 7,
        network,
        loss,
        optimizer,
        augmentation,
        classWeights: dataset.classes.map(() => 1),
        training: { ...training, epochs: 2, batchSize, select: null, earlyStopping: null },
        evaluationBatchSize: evaluation.batchSize,
        positive: dataset.positive,
        pack,
        labels: range(0, rows).map((row) => row % network.classes),
        splits: { train: range(0, trained), validation, test: validation },
        imageBudget: runtime.imageBudget,
        checkpoints: join(folder, 'checkpoints'),
        resumeAfter: null,
        execution: 'graph',
        resumeAfter: null,
      },
      () => undefined,
    )
    const images = { bytes: rows * height * width * channels, isResident: imageSource(pack, runtime.imageBudget) === 'table' }
    const { peak } = estimateMemory(network, { optimizer, batchSize, evaluationBatchSize: evaluation.batchSize, images })
    return { estimated: peak.train, measured: result.peakMemoryBytes }
  } finally {
    await engine.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
