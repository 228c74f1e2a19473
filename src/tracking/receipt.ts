/**
 * What MLflow was last told of a run, kept beside its journal. It saves later commands a question and is never taken for the truth: without
 * it, or with an old one, MLflow is asked.
 */
import { readFile } from 'node:fs/promises'
import type { RunStatus } from 'mlflow-js-client'
import writeFileAtomic from 'write-file-atomic'
import type { RunFolder } from '../journal/run-folder.ts'

export interface Receipt {
  readonly experimentId: string
  readonly runId: string
  readonly status: RunStatus
}

/** Null where MLflow was not told of the run, or nobody knows. */
export async function readReceipt(folder: RunFolder): Promise<Receipt | null> {
  try {
    return JSON.parse(await readFile(folder.receipt, 'utf8')) as Receipt
  } catch {
    return null
  }
}

/** A disk that is full or read-only keeps MLflow from nothing. */
export async function writeReceipt(folder: RunFolder, receipt: Receipt): Promise<void> {
  await writeFileAtomic(folder.receipt, `${JSON.stringify(receipt)}\n`).catch(() => undefined)
}
