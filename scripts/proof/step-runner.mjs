/**
 * Our training step on the device, timed: single calls, and calls of as many steps as the engine puts into one. Rows, keys, matrices and rates
 * are handed over with every call, as in a training; they were made before the clock starts, as PyTorch's were.
 * usage: step-runner.mjs --batches 32,128 --precisions float32,tf32 --repeats N --seconds S --pack PIXELS --json OUT [--wait]
 *
 * --wait is that of step_torch.py: prepares everything at once, says `ready`, times all variants for each line on the standard input. What
 * is not prepared at the moment --until (Unix seconds) is left out, and says so.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { carried, dist, firstFeeds, readJob, withBatch } from './job.mjs'
import { load, openClient, ownFolder, readOptions, spreadOf, wordsOf, writeJson } from './device.mjs'

const { firstValues } = await dist('engine/first-values.js')
const { fillTable } = await dist('engine/images.js')
const { updateRule } = await dist('layers/optimizers.js')

const options = readOptions({
  batches: { type: 'string' },
  precisions: { type: 'string' },
  repeats: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '0.2' },
  until: { type: 'string', default: String(Date.now() / 1000 + 3600) },
  wait: { type: 'boolean', default: false },
})
const job = await readJob(options.pack)
const client = await openClient()
const started = performance.now()
const pairs = options.batches
  .split(',')
  .flatMap((batch) => options.precisions.split(',').map((precision) => ({ batch: Number(batch), precision })))
const prepared = await Promise.all(pairs.map((pair) => Promise.race([prepare(pair), late(pair)])))
const variants = prepared.flat()
write()

if (options.wait) {
  console.log('ready')
  for await (const _ of createInterface({ input: process.stdin })) {
    await timeAll()
    console.log('timed')
  }
} else await timeAll()
process.exit(0)

/** The ways of a batch size and a precision; each says in `error` why it cannot be timed. */
async function prepare({ batch, precision }) {
  const known = { batch, precision }
  try {
    const lowered = JSON.parse(readFileSync(carried(`fast/${batch}-${precision}.json`), 'utf8'))
    const { program, memory } = await load(client, lowered, precision, ownFolder('fast'))
    const own = withBatch(job, batch)
    await fillTable(own.pack, program)
    program.assign(firstValues(own.network, updateRule(own.optimizer), own.seed))
    const feeds = firstFeeds(own, 64)
    const prepareSeconds = (performance.now() - started) / 1000
    console.error(`runner ${batch} ${precision}: prepared after ${prepareSeconds.toFixed(1)} s`)
    const ways = [
      { way: 'single', perCall: 1, step: `train${batch}` },
      { way: 'looped', perCall: lowered.stepsPerCall, step: `train${batch}x${lowered.stepsPerCall}` },
    ]
    return ways
      .filter(({ step }) => step in lowered.steps)
      .map((way) => ({ ...known, ...way, prepareSeconds, memory: memory[way.step], program, feeds, times: [] }))
  } catch (error) {
    return [{ ...known, way: 'single', error: wordsOf(error), times: [] }]
  }
}

/** In place of what is still being compiled when the time is over. */
async function late(pair) {
  await setTimeout(Math.max(0, Number(options.until) * 1000 - Date.now()), null, { ref: false })
  return [{ ...pair, way: 'single', error: 'not prepared when the time was over', times: [] }]
}

async function timeAll() {
  for (const variant of variants) {
    if (variant.error) continue
    try {
      await time(variant)
    } catch (error) {
      variant.error = wordsOf(error)
    }
  }
  write()
}

async function time(variant) {
  const { perCall, times } = variant
  const probe = Math.max(perCall, 8)
  await run(variant, probe)
  const each = (await timed(variant, probe)) / probe
  variant.steps = Math.max(perCall, Math.floor((Number(options.seconds) * 1000) / each / perCall) * perCall)
  for (let repeat = 0; repeat < Number(options.repeats); repeat++) times.push((await timed(variant, variant.steps)) / variant.steps)
  const { loss } = await variant.program.run('metrics', 1, {})
  if (!Number.isFinite(loss[0])) throw new Error(`the loss became ${loss[0]}`)
}

/** Milliseconds between two moments at which the device is idle. */
async function timed(variant, steps) {
  const began = performance.now()
  await run(variant, steps)
  return performance.now() - began
}

async function run({ program, batch, feeds, perCall }, steps) {
  for (let step = 0; step < steps; step += perCall) {
    const call = Array.from({ length: perCall }, (_, index) => feeds[(step + index) % feeds.length])
    await program.runEach('train', batch, call)
  }
  // What is fetched waits for all before it.
  await program.run('metrics', 1, {})
}

function write() {
  const { api, platform, platformVersion, device } = client
  const told = variants.map(({ program: _, feeds: __, times, ...variant }) => ({
    ...variant,
    ms: times.length > 0 ? spreadOf(times) : null,
  }))
  writeJson(options.json, { api, platform, platformVersion, device, memory: client.memory(), variants: told })
}
