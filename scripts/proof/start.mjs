/**
 * How long a training takes to begin where its programs were compiled before: from starting the engine to the end of an epoch of two steps.
 * usage: start.mjs --pack PIXELS --json OUT
 */
import { readJob } from './job.mjs'
import { readOptions, spreadOf, writeJson } from './device.mjs'
import { engineOn, runFolders, shortened } from './training.mjs'

const repeats = 3
const options = readOptions()
const job = shortened(await readJob(options.pack), { batches: 1, epochs: 1 })
const found = { ready: [], epoch: [] }
for (let repeat = 0; repeat < repeats; repeat++) {
  const began = performance.now()
  const since = () => (performance.now() - began) / 1000
  const engine = await engineOn()
  found.ready.push(since())
  try {
    const own = { ...job, ...(await runFolders(`start-${repeat}`)) }
    await engine.train(own, ({ type }) => type === 'epoch' && found.epoch.push(since()))
  } finally {
    await engine.stop()
  }
}
writeJson(options.json, { unit: 's', engineReady: spreadOf(found.ready), firstEpoch: spreadOf(found.epoch) })
