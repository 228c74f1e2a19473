/** A run as MLflow's own Python client finds it. */
import { join } from 'node:path'
import { askPython, projectRoot } from '../runner.ts'

export interface ReadBack {
  readonly count: number
  readonly status: string
  readonly name: string
  readonly end: number
  readonly params: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  readonly histories: Readonly<Record<string, readonly (readonly [number, number | string])[]>>
  readonly inputs: readonly (readonly [string, string, readonly string[]])[]
  readonly files: readonly string[]
  /** Where they were downloaded to. */
  readonly downloaded: string
}

/** Asks for the run with that id of ours, and downloads its artifacts below `folder`. */
export async function readBack(uri: string, run: string, folder: string): Promise<ReadBack> {
  return (await askPython(join(projectRoot, 'test/tracking/read_run.py'), [uri, run, folder])) as ReadBack
}
