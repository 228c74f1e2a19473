/**
 * What TensorFlow's CPU engine with our native operations computes, for the card to be compared with: variables after
 * steps of the baseline on noise, the losses of those steps, and dropout's words.
 * usage: node scripts/proof/reference.mjs JOB.json PACK OUT, with what engineEnvironment() says in the environment
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeJob, dist, onNoise, stepsFromFirst } from './job.mjs'
import { ones, batch, seeds, wordsSource } from './words.mjs'

const [jobPath, packPath, out] = process.argv.slice(2)
const { loadTensorflow } = await dist('engine/load-tensorflow.js')
await loadTensorflow()
const { compileProgram } = await dist('graph/graph-program.js')
const { firstValues } = await dist('engine/first-values.js')
const { graphJobOf } = await dist('engine/graph-job.js')
const { graphSource } = await dist('engine/graph-source.js')
const { fillTable } = await dist('engine/images.js')
const { updateRule } = await dist('layers/optimizers.js')

await mkdir(out, { recursive: true })
const noise = join(out, 'noise.u8')
const job = await onNoise(decodeJob(await readFile(jobPath, 'utf8'), packPath), noise)
await writeSteps()
await rm(noise)
await writeWords()

/** An index of names and counts, and the values one after the other, step after step. */
async function writeSteps() {
  const program = compileProgram(graphSource(graphJobOf(job)).source)
  await fillTable(job.pack, program)
  const losses = []
  const values = []
  for await (const step of stepsFromFirst(program, job, firstValues(job.network, updateRule(job.optimizer), job.seed))) {
    const index = [...step.values].map(([name, own]) => [name, own.length])
    if (losses.length === 0) await writeFile(join(out, 'variables.json'), JSON.stringify(index))
    losses.push(step.loss)
    values.push(...[...step.values.values()].map((own) => Buffer.from(own.buffer, own.byteOffset, own.byteLength)))
  }
  await writeFile(join(out, 'losses.json'), JSON.stringify(losses))
  await writeFile(join(out, 'variables.f32'), Buffer.concat(values))
}

async function writeWords() {
  const program = compileProgram(await wordsSource())
  const drawn = []
  const kept = []
  for (const seed of await seeds()) {
    const fetched = await program.run('draw', batch, { x: ones(), seed })
    drawn.push(Buffer.from(Int32Array.from(fetched.words).buffer))
    kept.push(Buffer.from(bitsOf(fetched.kept)))
  }
  await writeFile(join(out, 'words.i32'), Buffer.concat(drawn))
  await writeFile(join(out, 'kept.bits'), Buffer.concat(kept))
}

/** A bit for each value that is not 0. */
function bitsOf(values) {
  const bits = new Uint8Array(Math.ceil(values.length / 8))
  for (const [index, value] of values.entries()) if (value !== 0) bits[index >> 3] |= 1 << (index & 7)
  return bits
}
