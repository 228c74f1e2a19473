/**
 * Whether the device computes what it should: dropout's words and single steps against what TensorFlow's CPU engine computed before, and equal
 * bits from two processes and after a SIGKILL.
 * usage: right.mjs --pack PIXELS --json OUT; exit code 1 where one of them is wrong or could not be asked
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { carried, dist, onNoise, readJob, sampled, stepsFromFirst } from './job.mjs'
import { load, median, openClient, ownFolder, readOptions, wordsOf, writeJson } from './device.mjs'
import { engineOn, runFolders, shortened, uncompiledPrograms } from './training.mjs'
import { batch as drawn, ones, seeds, wordCount } from './words.mjs'

const { firstValues } = await dist('engine/first-values.js')
const { fillTable } = await dist('engine/images.js')
const { updateRule } = await dist('layers/optimizers.js')

/** Of the worst variable after the nearest step in float32, relative to its norm: rounding alone gives a few 1e-5. */
const mostDifference = 1e-4
/** Rounded factors make differences of their own, which are told and not judged. */
const precisions = ['float32', 'tf32', 'bfloat16']

const options = readOptions()
const job = await readJob(options.pack)
const found = {}
await mkdir(ownFolder('right'), { recursive: true })
const noisy = await onNoise(job, join(ownFolder('right'), 'noise.u8'))
const client = await openClient()
/** The short training that several processes make, and the hash of what the first of them makes of it. */
const short = shortened(job, { batches: 20, epochs: 3 })
const once = hashOf('process-1', short)
await Promise.all([
  ask('words', compareWords),
  ...precisions.map((precision) => ask(`step_${precision}`, () => compareStep(precision))),
  ask('processes', compareProcesses),
  ask('apart', compareApart),
])
process.exit(Object.values(found).every(({ isRight }) => isRight) ? 0 : 1)

async function ask(name, question) {
  try {
    found[name] = await question()
  } catch (error) {
    found[name] = { isRight: false, error: wordsOf(error) }
  }
  console.error(`${name}: ${JSON.stringify(found[name])}`)
  writeJson(options.json, found)
}

/** Word for word and value for value, for every carried seed. */
async function compareWords() {
  const { program } = await load(client, JSON.parse(await readFile(carried('words.json'), 'utf8')), 'float32', ownFolder('right'))
  const words = new Int32Array(await bytesOf('reference/words.i32'))
  const bits = new Uint8Array(await bytesOf('reference/kept.bits'))
  const every = await seeds()
  const count = { seeds: every.length, words: 0, wrongWords: 0, values: 0, wrongValues: 0 }
  for (const [index, seed] of every.entries()) {
    const { words: own, kept } = await program.run('draw', drawn, { x: ones(), seed })
    for (const [place, word] of own.entries()) count.wrongWords += word === words[index * wordCount + place] ? 0 : 1
    for (const [place, value] of kept.entries()) {
      const bit = index * kept.length + place
      count.wrongValues += (value !== 0) === ((bits[bit >> 3] >> (bit & 7)) % 2 === 1) ? 0 : 1
    }
    count.words += own.length
    count.values += kept.length
  }
  return { isRight: count.wrongWords + count.wrongValues === 0, ...count }
}

/** Variables after steps of the baseline on noise, each from the first values: the nearest step, and all of them. */
async function compareStep(precision) {
  const { batchSize } = job.training
  const lowered = JSON.parse(await readFile(carried(`fast/${batchSize}-${precision}.json`), 'utf8'))
  const wanted = [`train${batchSize}`, 'metrics1']
  const steps = Object.fromEntries(wanted.map((name) => [name, lowered.steps[name]]))
  const { program } = await load(client, { ...lowered, steps }, precision, ownFolder('right'))
  await fillTable(noisy.pack, program)
  const first = firstValues(job.network, updateRule(job.optimizer), job.seed)
  const losses = JSON.parse(await readFile(carried('reference/losses.json'), 'utf8'))
  const index = JSON.parse(await readFile(carried('reference/variables.json'), 'utf8'))
  const values = new Float32Array(await bytesOf('reference/variables.f32'))
  const size = index.reduce((sum, [, count]) => sum + count, 0)
  const compared = []
  for await (const { loss, values: own } of stepsFromFirst(program, noisy, first)) {
    const [place, wished] = [compared.length, losses[compared.length]]
    const difference = differences(index, values.subarray(place * size, (place + 1) * size), own, sampled(first))
    compared.push({ ...difference, loss: Math.abs(loss - wished) / Math.abs(wished) })
  }
  program.dispose()
  const nearest = compared.reduce((a, b) => (b.worst < a.worst ? b : a))
  return {
    isRight: compared.length === losses.length && (precision !== 'float32' || nearest.worst <= mostDifference),
    limit: precision === 'float32' ? mostDifference : null,
    nearest,
    medianUpdate: median(compared.map(({ update }) => update)),
    medianLoss: median(compared.map(({ loss }) => loss)),
    steps: compared,
  }
}

/** Relative differences of norms: of the worst variable, of all, and of what the step changed. */
function differences(index, wishedValues, values, first) {
  let [offset, worst, worstVariable, difference, norm, change] = [0, 0, '', 0, 0, 0]
  for (const [name, count] of index) {
    const wished = wishedValues.subarray(offset, offset + count)
    const own = values.get(name)
    const before = first.get(name)
    if (own?.length !== count) throw new Error(`${name} has ${own?.length} values, not ${count}`)
    const d = squares(count, (place) => own[place] - wished[place])
    const n = squares(count, (place) => wished[place])
    difference += d
    norm += n
    change += squares(count, (place) => wished[place] - before[place])
    const relative = Math.sqrt(d / (n + 1e-24))
    // NaN compares false, so it counts as the worst.
    if (!(relative <= worst)) [worst, worstVariable] = [relative, name]
    offset += count
  }
  return { worst, worstVariable, all: Math.sqrt(difference / norm), update: Math.sqrt(difference / change) }
}

function squares(count, valueAt) {
  let sum = 0
  for (let place = 0; place < count; place++) sum += valueAt(place) ** 2
  return sum
}

async function bytesOf(path) {
  const bytes = await readFile(carried(path))
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)
}

/** Once more by another process on what the first compiled, and by one that is killed and one that takes it up. */
async function compareProcesses() {
  const first = await once
  const [twoProcesses, killedAndResumed] = [first === (await hashOf('process-2', short)), first === (await hashOfKilled(short))]
  const { epochs, batchSize } = short.training
  const steps = epochs * Math.ceil(short.splits.train.length / batchSize)
  return { isRight: twoProcesses && killedAndResumed, twoProcesses, killedAndResumed, epochs, steps }
}

/** By a process that compiles for itself. A compiler that times kernels may choose others: told, and not judged. */
async function compareApart() {
  const own = await hashOf('process-apart', short, await uncompiledPrograms('apart'))
  return { isRight: true, isSame: own === (await once) }
}

async function hashOf(name, own, programs = undefined) {
  return trained(await engineOn(programs), { ...own, ...(await runFolders(name)) })
}

async function trained(engine, own, onEvent = () => undefined) {
  try {
    return (await engine.train(own, onEvent)).weightsHash
  } finally {
    await engine.stop()
  }
}

/** SIGKILL in the second epoch, then another engine. */
async function hashOfKilled(own) {
  const folders = await runFolders('process-killed')
  const engine = await engineOn()
  const kill = ({ type }) => {
    if (type !== 'paused') return
    engine.goOn()
    process.kill(engine.started.pid, 'SIGKILL')
  }
  const ended = await trained(engine, { ...own, ...folders, pauses: [1] }, kill).catch(() => null)
  if (ended !== null) throw new Error('the engine was not killed')
  return trained(await engineOn(), { ...own, ...folders, resumeAfter: 1 })
}
