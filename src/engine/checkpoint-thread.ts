/** The thread that writes checkpoints, one after the other, while the training goes on. */
import { parentPort } from 'node:worker_threads'
import { CheckpointError, writeCheckpoint, type CheckpointState, type Tensors } from './checkpoint.ts'

export interface CheckpointOrder {
  readonly folder: string
  readonly number: number
  readonly tensors: Tensors
  readonly state: CheckpointState
  readonly isBest: boolean
}

/** Why the system did not let it be written; null where it is on disk. Errors lose their codes on the way from thread to thread. */
export type CheckpointAnswer = { readonly message: string; readonly code: string | undefined } | null

parentPort?.on('message', ({ folder, number, tensors, state, isBest }: CheckpointOrder) => {
  parentPort?.postMessage(answer(() => writeCheckpoint(folder, number, tensors, state, isBest)))
})

function answer(write: () => void): CheckpointAnswer {
  try {
    write()
    return null
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error
    const cause = error.cause as NodeJS.ErrnoException
    return { message: cause.message, code: cause.code }
  }
}
