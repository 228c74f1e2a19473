/**
 * Traces and lowers every program that the proof runs, with this folder's build.
 * usage: node scripts/proof/lower.mjs JOB.json PACK RUNTIME BATCHES PRECISIONS, with what engineEnvironment() says in the environment
 *
 * RUNTIME/programs/lowered/…      the baseline's training, as an engine looks for it, on a card and on a CPU
 * RUNTIME/proof/fast/B-P.json     its steps alone at batch B in precision P, single and in calls of as many as a card takes
 * RUNTIME/proof/words.json        dropout's words
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeJob, dist, withBatch } from './job.mjs'
import { wordsSource } from './words.mjs'

const [jobPath, packPath, into, batches, precisions] = process.argv.slice(2)
const job = decodeJob(await readFile(jobPath, 'utf8'), packPath)
const { graphJobOf } = await dist('engine/graph-job.js')
// The operations of native/ are for the CPU, and no device knows them.
process.env.RUNNER_OPERATIONS = 'tensorflow'
const { loadTensorflow } = await dist('engine/load-tensorflow.js')
await loadTensorflow()
const { loweredTraining, stepsOfCall } = await dist('engine/device-programs.js')
const { graphSource } = await dist('engine/graph-source.js')
const { lowerProgram } = await dist('engine/lower-program.js')

const fast = join(into, 'proof/fast')
await mkdir(fast, { recursive: true })
for (const platform of ['cuda', 'cpu']) await loweredTraining(join(into, 'programs'), graphJobOf(job), 'float32', platform)
for (const batch of batches.split(',').map(Number)) {
  const graph = graphJobOf(withBatch(job, batch))
  for (const precision of precisions.split(',')) {
    const { source } = graphSource(graph)
    const lowered = lowerProgram(source, { precision, stepsPerCall: stepsOfCall(graph, 'cuda') })
    const steps = Object.fromEntries(Object.entries(lowered.steps).filter(([name]) => !name.startsWith('predict')))
    await writeFile(join(fast, `${batch}-${precision}.json`), JSON.stringify({ ...lowered, steps }))
  }
}
await writeFile(
  join(into, 'proof/words.json'),
  JSON.stringify(lowerProgram(await wordsSource(), { precision: 'float32', stepsPerCall: 1 })),
)
