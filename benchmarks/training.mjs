/** Trainings on random pixels through the engine, as `runner FILE` starts it, without a data set behind them. */
import { open, mkdtemp, rm } from 'node:fs/promises'
import { randomFillSync } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const projectRoot = fileURLToPath(new URL('..', import.meta.url))
export const dist = (path) => import(new URL(`../dist/${path}`, import.meta.url).href)

const { startEngine } = await dist('engine/engine.js')
const { loadExperiment } = await dist('experiment/load-experiment.js')
const { planNetwork } = await dist('network/plan-network.js')
const { engineEnvironment } = await dist('setup/engine-environment.js')
const { ensureTensorflow } = await dist('setup/tensorflow.js')
const { ensurePjrt } = await dist('setup/pjrt.js')
const { readCheckpoint } = await dist('engine/checkpoint.js')

/** The experiment of a file below experiments/ and its network. */
export async function load(file, set = []) {
  const path = resolve(projectRoot, file)
  const { value: located, diagnostics } = await loadExperiment(path, { env: process.env, cwd: projectRoot, projectRoot, set })
  if (!located) throw new Error(`${file} is at fault: ${diagnostics.map(({ message }) => message).join('; ')}`)
  return { experiment: located.experiment, network: planNetwork(located).value }
}

/** The environment of an engine on the CPU. */
export async function cpuEnvironment() {
  const { value: tensorflow } = await ensureTensorflow({ projectRoot, environment: process.env, report: () => undefined })
  return engineEnvironment({ environment: process.env, tensorflow, device: 'cpu', threads: undefined })
}

/** That of an engine with a device: the card's, or the plugin's that RUNNER_PJRT_PLUGIN names. Null where there is none. */
export async function deviceEnvironment() {
  const options = { projectRoot, environment: process.env, report: () => undefined }
  const { value: pjrt, diagnostics } = await ensurePjrt(options)
  if (pjrt === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '))
  const { value: tensorflow } = await ensureTensorflow(options)
  return pjrt && engineEnvironment({ environment: process.env, tensorflow, pjrt, device: 'auto', threads: undefined })
}

/** A pack of random pixels; `use` is given it, and it is removed afterwards. */
export async function withPack(rows, [height, width, channels], use) {
  const folder = await mkdtemp(join(tmpdir(), 'runner-bench-'))
  const path = join(folder, 'pack')
  try {
    const file = await open(path, 'w')
    const block = randomFillSync(new Uint8Array(4096 * height * width * channels))
    for (let left = rows; left > 0; left -= 4096) await file.write(block.subarray(0, Math.min(left, 4096) * height * width * channels))
    await file.close()
    return await use({ path, rows, height, width, channels, digest: 'random' })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Trains on all rows of a pack but the last `validated`, or on enough of them, evenly spread, for `steps` an epoch. Says for each epoch how long it took,
 * validation and all (s), how long the validated rows then took to predict (s), the engine's highest resident memory (bytes), the time to the first progress (s), the weights' hash, all tensors at
 * the end, and what the engine said it ran on. Trains on the CPU unless it is given another engine's environment.
 */
export async function trainOn(
  pack,
  { experiment, network, batchSize, epochs, augmentation = null, validated = 32, steps, imageBudget, environment, seed = 7 },
) {
  const range = (from, to) => Int32Array.from({ length: to - from }, (_, index) => from + index)
  const validation = range(pack.rows - validated, pack.rows)
  const all = range(0, pack.rows - validated)
  const stride = steps === undefined ? 1 : Math.floor(all.length / (steps * batchSize))
  const train = steps === undefined ? all : range(0, steps * batchSize).map((index) => index * stride)
  const checkpoints = await mkdtemp(join(tmpdir(), 'runner-bench-checkpoints-'))
  const engine = await startEngine({ device: environment ? 'auto' : 'cpu', environment: environment ?? (await cpuEnvironment()) })
  const seconds = []
  const started = performance.now()
  let firstProgress = null
  try {
    const result = await engine.train(
      {
        seed,
        network,
        loss: experiment.loss,
        optimizer: experiment.optimizer,
        augmentation,
        classWeights: experiment.dataset.classes.map(() => 1),
        training: { ...experiment.training, epochs, batchSize, select: null, earlyStopping: null },
        evaluationBatchSize: Math.min(validated, experiment.evaluation.batchSize),
        positive: experiment.dataset.positive,
        pack,
        labels: range(0, pack.rows).map((row) => row % network.classes),
        splits: { train, validation, test: validation },
        imageBudget: imageBudget ?? experiment.runtime.imageBudget,
        checkpoints,
        resumeAfter: null,
        pauses: [],
        execution: 'graph',
        precision: 'float32',
        executables: join(checkpoints, 'executables'),
      },
      (event) => {
        if (event.type === 'progress') firstProgress ??= (performance.now() - started) / 1000
        if (event.type === 'epoch') seconds.push(event.seconds)
      },
    )
    const asked = performance.now()
    await engine.predict('last', 'validation')
    const predictSeconds = (performance.now() - asked) / 1000
    const { tensors } = await readCheckpoint(checkpoints, 'last')
    const { peakMemoryBytes: peak, weightsHash } = result
    return { seconds, predictSeconds, peak, firstProgress, weightsHash, tensors, started: engine.started }
  } finally {
    await engine.stop()
    await rm(checkpoints, { recursive: true, force: true })
  }
}
