/**
 * Each epoch's checkpoint on its way to the disk, in a thread of its own while the next epoch trains. Where the disk is full, those that count
 * wait in memory: the newest, and the best.
 */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { TrainingEvent } from './protocol.ts'
import type { CheckpointAnswer, CheckpointOrder } from './checkpoint-thread.ts'
import { CheckpointError, type CheckpointState, type Tensors } from './checkpoint.ts'

interface Due {
  readonly state: CheckpointState
  readonly tensors: Tensors
  readonly isBest: boolean
}

export interface CheckpointWriter {
  /** Begins to write it, and says `committed` of every checkpoint that is on disk then. One at a time: the one before has to be settled. */
  begin(due: Due): void
  /**
   * Resolves once nothing is under way, with whether the newest is on disk. Rejects with `CheckpointError`, unless the disk is full: then training
   * may go on.
   */
  settle(): Promise<boolean>
  /** What still waits is written, or it rejects with `CheckpointError`. */
  finish(): Promise<void>
}

export function checkpointWriter(folder: string, emit: (event: TrainingEvent) => void): CheckpointWriter {
  let waiting: readonly Due[] = []
  let underWay: Promise<boolean> = Promise.resolve(true)
  const write = async (all: readonly Due[]): Promise<CheckpointError | null> => {
    for (const [index, { state, tensors, isBest }] of all.entries()) {
      const { epoch, step } = state
      const error = await writeInThread({ folder, number: epoch, tensors, state, isBest })
      if (error) {
        if (!error.isFullDisk) throw error
        waiting = all.slice(index)
        return error
      }
      emit({ type: 'committed', epoch, step, checkpoint: epoch, isBest })
    }
    waiting = []
    return null
  }
  const commit = async (due: Due): Promise<boolean> => {
    const wasPaused = waiting.length > 0
    const error = await write([...waiting.filter(({ isBest }) => isBest && !due.isBest), due])
    if (error && !wasPaused) emit({ type: 'warning', code: 'checkpoints-paused', message: pauseMessage(error) })
    return error === null
  }
  return {
    begin(due) {
      underWay = commit(due)
      // Whoever settles is told.
      underWay.catch(() => undefined)
    },
    settle: () => underWay,
    async finish() {
      await underWay
      const error = await write(waiting)
      if (error) throw error
    },
  }
}

let thread: Worker | null = null

/** Null where it is on disk. */
async function writeInThread(order: CheckpointOrder): Promise<CheckpointError | null> {
  thread ??= startThread()
  const answered = once(thread, 'message') as Promise<[CheckpointAnswer]>
  thread.postMessage(order)
  const [refusal] = await answered
  return refusal && new CheckpointError(order.folder, Object.assign(new Error(refusal.message), { code: refusal.code }))
}

/** The compiled one; when the tests run from sources, the one that was built before them. */
function startThread(): Worker {
  const beside = fileURLToPath(new URL('./checkpoint-thread.js', import.meta.url))
  const started = new Worker(
    existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/engine/checkpoint-thread.js', import.meta.url)),
  )
  started.unref()
  return started
}

function pauseMessage({ message }: CheckpointError): string {
  return `${message}; training goes on, and tries again after every epoch: free some space. What was committed before stays`
}
