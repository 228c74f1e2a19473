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
  /** Logged models, each metric with the data set that it was measured on. */
  readonly models: readonly {
    readonly name: string
    readonly status: string
    readonly step: number
    readonly tags: Readonly<Record<string, string>>
    readonly metrics: Readonly<Record<string, readonly [number, string]>>
    readonly files: readonly string[]
    readonly downloaded: string
  }[]
  /** Tables that the run names, by their paths, as Python's client loads them. */
  readonly tables: Readonly<Record<string, { readonly columns: readonly string[]; readonly rows: readonly (readonly unknown[])[] }>>
  readonly files: readonly string[]
  /** Where they were downloaded to. */
  readonly downloaded: string
}

/** Asks for the run with that id of ours, and downloads its artifacts below `folder`. */
export async function readBack(uri: string, run: string, folder: string): Promise<ReadBack> {
  return (await askPython(join(projectRoot, 'test/tracking/read_run.py'), [uri, run, folder])) as ReadBack
}
