/** A training of seconds: 72 images of 12 x 12 whose class shows in their brightness, in a folder of its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Committed, EpochEnded, Metrics } from '../../src/journal/events.ts'
import type { TrainingEvent, TrainingInterrupted, TrainingJob, TrainingResult } from '../../src/engine/protocol.ts'
import { keyOf, uniforms } from '../../src/random/philox.ts'
import { imageShape, optimizers, smallNetwork } from '../graph/small-training.ts'

const rows = 72
const rowSize = imageShape.reduce((a, b) => a * b, 1)
const labels = Int32Array.from({ length: rows }, (_, row) => (row % 3 === 0 ? 1 : 0))

/** Every fourth row validates; 54 rows train, which is six batches of 8 and one of 6. */
const validation = Int32Array.from({ length: rows / 4 }, (_, index) => index * 4)
const train = Int32Array.from({ length: rows }, (_, row) => row).filter((row) => row % 4 !== 0)

export interface SmallJob {
  readonly folder: string
  readonly job: TrainingJob
  readonly remove: () => Promise<void>
}

export async function makeJob(changes: Partial<TrainingJob> = {}): Promise<SmallJob> {
  const [optimizer] = optimizers
  if (!optimizer) throw new Error('no optimizer')
  const folder = await mkdtemp(join(tmpdir(), 'runner-engine-'))
  const path = join(folder, 'pixels')
  const noise = uniforms(keyOf(9, 'pixels'), rows * rowSize)
  await writeFile(
    path,
    Uint8Array.from(noise, (value, index) => value * 160 + (labels[Math.floor(index / rowSize)] ?? 0) * 80),
  )
  const job: TrainingJob = {
    seed: 7,
    network: smallNetwork(),
    loss: 'binaryCrossentropy',
    optimizer,
    augmentation: { rotation: 20, zoom: [0.05, 0.05], shift: { width: 0.1, height: 0.1 }, shear: 5, flip: ['vertical'], fill: 'nearest' },
    classWeights: [1, 2],
    training: { epochs: 3, batchSize: 8, select: null, earlyStopping: null, onNonFinite: 'stop' },
    evaluationBatchSize: 5,
    positive: 1,
    pack: { path, rows, height: 12, width: 12, channels: 3, digest: 'small' },
    labels,
    splits: { train, validation, test: validation.subarray(0, 7) },
    imageBudget: 1e9,
    checkpoints: join(folder, 'checkpoints'),
    resumeAfter: null,
    pauses: [],
    execution: 'graph',
    precision: 'float32',
    executables: join(folder, 'executables'),
    ...changes,
  }
  return { folder, job, remove: () => rm(folder, { recursive: true, force: true }) }
}

export function epochsOf(events: readonly TrainingEvent[]): readonly EpochEnded[] {
  return events.filter((event) => event.type === 'epoch')
}

export function committedOf(events: readonly TrainingEvent[]): readonly Committed[] {
  return events.filter((event) => event.type === 'committed')
}

export function metricsOf(events: readonly TrainingEvent[]): readonly Metrics[] {
  return epochsOf(events).map(({ metrics }) => metrics)
}

export function finished(result: TrainingResult | TrainingInterrupted): TrainingResult {
  if (result.status === 'interrupted') throw new Error('the training was interrupted')
  return result
}
