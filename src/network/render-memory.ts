/** The estimate of memory as lines for people. */
import type { Experiment } from '../experiment/experiment.ts'
import { writeBytes } from './bytes.ts'
import type { MemoryEstimate } from './memory.ts'

/** Lines without a trailing newline. */
export function renderMemory(memory: MemoryEstimate, { training, evaluation, optimizer, runtime }: Experiment): string {
  const { parameters, optimizer: slots, trainStep, evaluationStep, images, peak } = memory
  const facts = [
    ['weights', `${writeBytes(parameters)}; ${optimizer.kind} keeps ${writeBytes(slots)} beside them`],
    ['training step', `${writeBytes(trainStep)} for ${training.batchSize} images`],
    ['evaluation step', `${writeBytes(evaluationStep)} for ${evaluation.batchSize} images`],
    ['images', imagesLine(images, runtime.imageBudget)],
    ['at most', `about ${writeBytes(peak.train)} while training, ${writeBytes(peak.evaluate)} while evaluating, TensorFlow included`],
  ] as const
  return ["memory of the engine's process on a CPU, estimated", ...facts.map(([name, fact]) => `  ${name.padEnd(15)}  ${fact}`)].join('\n')
}

function imagesLine(images: MemoryEstimate['images'], budget: number): string {
  if (!images) return 'not known, and not counted'
  const what = images.isResident ? 'stay in memory, within' : 'are read ahead batch by batch, beyond'
  return `${writeBytes(images.bytes)} of pixels ${what} the budget of ${writeBytes(budget)}`
}
