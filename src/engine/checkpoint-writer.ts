/** Each epoch's checkpoint on its way to the disk. Where that is full, those that count wait in memory: the newest, and the best. */
import type { TrainingEvent } from './protocol.ts'
import { CheckpointError, writeCheckpoint, type CheckpointState, type Tensors } from './checkpoint.ts'

interface Due {
  readonly state: CheckpointState
  readonly tensors: Tensors
  readonly isBest: boolean
}

export interface CheckpointWriter {
  /**
   * Says `committed` of every checkpoint that is on disk now, and answers whether this one is. Rejects with `CheckpointError`, unless the disk
   * is full: then training may go on.
   */
  commit(due: Due): Promise<boolean>
  /** What still waits is written, or it rejects with `CheckpointError`. */
  finish(): Promise<void>
}

export function checkpointWriter(folder: string, emit: (event: TrainingEvent) => void): CheckpointWriter {
  let waiting: readonly Due[] = []
  const write = async (all: readonly Due[]): Promise<CheckpointError | null> => {
    for (const [index, { state, tensors, isBest }] of all.entries()) {
      const { epoch, step } = state
      try {
        await writeCheckpoint(folder, epoch, tensors, state, isBest)
      } catch (error) {
        if (!(error instanceof CheckpointError && error.isFullDisk)) throw error
        waiting = all.slice(index)
        return error
      }
      emit({ type: 'committed', epoch, step, checkpoint: epoch, isBest })
    }
    waiting = []
    return null
  }
  return {
    async commit(due) {
      const wasPaused = waiting.length > 0
      const error = await write([...waiting.filter(({ isBest }) => isBest && !due.isBest), due])
      if (error && !wasPaused) emit({ type: 'warning', code: 'checkpoints-paused', message: pauseMessage(error) })
      return error === null
    },
    async finish() {
      const error = await write(waiting)
      if (error) throw error
    },
  }
}

function pauseMessage({ message }: CheckpointError): string {
  return `${message}; training goes on, and tries again after every epoch: free some space. What was committed before stays`
}
