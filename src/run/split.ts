/** `runner split FILE`: the audited split, and with a folder the tutorial's training, validation and testing. */
import { resolve } from 'node:path'
import type { PreparedDataset } from '../dataset/prepare.ts'
import { writeSplitFolders } from '../dataset/split-folders.ts'
import { Fault } from '../diagnostics/diagnostic.ts'
import type { Experiment } from '../experiment/experiment.ts'
import { loadChecked } from './load.ts'
import { prepareData, requireRunsFolder, type Preparation } from './prepare.ts'

export interface SplitRequest extends Preparation {
  readonly file: string
  readonly set: readonly string[]
  /** A folder that is new or empty, relative to where the user stands; null writes none. */
  readonly to: string | null
}

/** Throws `Fault` where the file, its data or the folder are at fault. */
export async function splitDataset(request: SplitRequest): Promise<{ experiment: Experiment; dataset: PreparedDataset }> {
  const { file, set, to, workspace, listen } = request
  const { located, diagnostics, sources } = await loadChecked(file, set, workspace)
  if (diagnostics.length > 0) listen({ type: 'warnings', diagnostics, sources })
  await requireRunsFolder(workspace)
  const dataset = await prepareData(located, sources, request)
  const faults = to === null ? [] : await writeSplitFolders(dataset.manifest, dataset.root, resolve(workspace.cwd, to))
  if (faults.length > 0) throw new Fault(faults, 1)
  return { experiment: located.experiment, dataset }
}
