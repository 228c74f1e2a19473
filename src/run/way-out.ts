/** What a run knows of its engine's failure, for the person who has to do something about it. */
import { freemem } from 'node:os'
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { EngineError } from '../engine/engine.ts'
import type { Experiment } from '../experiment/experiment.ts'
import { foldRun } from '../journal/run-state.ts'
import { writeBytes } from '../network/bytes.ts'
import { estimateMemory, fittingBatchSize } from '../network/memory.ts'
import type { Network } from '../network/plan.ts'
import type { BegunRun } from './begin.ts'
import { memoryOptions } from './plan.ts'

interface Failed {
  readonly experiment: Experiment
  readonly network: Network
  readonly dataset: PreparedDataset
  readonly run: BegunRun
}

/** Null where nothing is known beyond the usual way out. */
export function wayOutOf({ failure: { code, rows = [], deviceBytes } }: EngineError, training: Failed): string | null {
  if (code === 'out-of-memory') return `${smallerBatch(training, deviceBytes ?? null)} ${whatIsKept(training)}`
  if (code === 'killed') return whatIsKept(training)
  if (code === 'non-finite') return `${imagesOf(rows, training.dataset)}${whatIsKept(training)}`
  return null
}

function imagesOf(rows: readonly number[], { manifest }: PreparedDataset): string {
  if (rows.length === 0) return ''
  const named = rows.slice(0, 5).map((row) => manifest.rows[row]?.path ?? '')
  const more = rows.length > named.length ? ` and ${rows.length - named.length} more` : ''
  return `These images were being trained on: ${named.join(', ')}${more}. `
}

/** Of a device's memory, what the plan may fill: the plan knows the CPU's operations, and a device's compiler keeps more between them. */
const deviceShare = 0.5

/** The planned figure, and the batch that fits into what the device has, or what is free now that the engine is gone. */
function smallerBatch({ experiment, network, dataset }: Failed, deviceBytes: number | null): string {
  const options = memoryOptions({ experiment, dataset })
  const planned = writeBytes(estimateMemory(network, options).peak.train)
  const free = deviceBytes ?? Math.min(freemem(), process.constrainedMemory() || Infinity)
  const fitting = fittingBatchSize(network, options, deviceBytes === null ? free : free * deviceShare)
  const advice =
    fitting === null
      ? 'no batch size fits: train on smaller images, or with a smaller runtime.imageBudget'
      : `training.batchSize: ${fitting} needs ${writeBytes(estimateMemory(network, { ...options, batchSize: fitting }).peak.train)}`
  return `The plan expects ${planned} with training.batchSize: ${options.batchSize}; ${writeBytes(free)} ${deviceBytes === null ? 'are free now' : 'are on the device'}, and ${advice}.`
}

function whatIsKept({ run }: Failed): string {
  const last = foldRun(run.journal.events).committed.at(-1)
  return last ? `The last good checkpoint is that of epoch ${last.epoch}.` : 'No epoch was finished, and there is no checkpoint.'
}
