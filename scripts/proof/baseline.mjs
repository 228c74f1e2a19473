/**
 * The whole baseline on the carried patches, once for each seed: test metrics of the selected and of the last weights, and how long it took.
 * usage: baseline.mjs --epochs 40 --seeds 7,8,9 --pack PIXELS --json OUT
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { readJob } from './job.mjs'
import { readOptions, writeJson } from './device.mjs'
import { engineOn, runFolders, scores } from './training.mjs'

const options = readOptions({ epochs: { type: 'string' }, seeds: { type: 'string' } })
const job = await readJob(options.pack)
const engine = await engineOn()
const found = { started: engine.started, epochs: Number(options.epochs), images: job.splits.train.length, seeds: [] }
try {
  for (const seed of options.seeds.split(',').map(Number)) {
    const folders = await runFolders(`baseline-${seed}`)
    const own = { ...job, ...folders, seed, training: { ...job.training, epochs: Number(options.epochs) } }
    found.seeds.push(await train(own))
    writeJson(options.json, found)
  }
} finally {
  await engine.stop()
}

async function train(own) {
  const began = performance.now()
  const curve = []
  const seconds = []
  let memory = null
  const result = await engine.train(own, (event) => {
    if (event.type !== 'epoch') return
    curve.push(event.metrics)
    seconds.push(event.seconds)
    if (event.epoch === 2) memory = cardMemory(engine.started.pid)
  })
  const trained = (performance.now() - began) / 1000
  const test = { selected: await scores(engine, own, 'selected', 'test'), last: await scores(engine, own, 'last', 'test') }
  const { selectedEpoch, weightsHash, peakMemoryBytes } = result
  const wall = (performance.now() - began) / 1000
  return { seed: own.seed, test, selectedEpoch, weightsHash, peakMemoryBytes, seconds, trained, wall, cardMemory: await memory, curve }
}

/** Bytes that the driver says the process has of the card; null where it does not say. */
async function cardMemory(pid) {
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', ['--query-compute-apps=pid,used_memory', '--format=csv,noheader,nounits'])
    const own = stdout.split('\n').find((line) => Number(line.split(',')[0]) === pid)
    const mebibytes = Number(own?.split(',')[1])
    return Number.isFinite(mebibytes) ? mebibytes * 2 ** 20 : null
  } catch {
    return null
  }
}
