/** `runner split FILE`: the audited split, and with a folder the tutorial's training, validation and testing. */
import { resolve } from 'node:path'
import { writeSplitFolders } from '../dataset/split-folders.ts'
import { prepareDataset, type PreparedDataset } from '../dataset/prepare.ts'
import { Fault } from '../diagnostics/diagnostic.ts'
import type { Experiment } from '../experiment/experiment.ts'
import { packsFolder } from '../journal/run-folder.ts'
import { dataFault, loadChecked } from './load.ts'
import type { Listener } from './story.ts'
import { runsOf, type Workspace } from './workspace.ts'

export interface SplitRequest {
  readonly file: string
  readonly set: readonly string[]
  readonly to: string | null
  readonly workspace: Workspace
  readonly listen: Listener
}

export async function splitDataset({
  file,
  set,
  to,
  workspace,
  listen,
}: SplitRequest): Promise<{ experiment: Experiment; dataset: PreparedDataset }> {
  const { located, sources } = await loadChecked(file, set, workspace)
  const prepared = await prepareDataset(located, {
    home: workspace.home,
    cache: packsFolder(runsOf(workspace)),
    onProgress: (progress) => listen({ type: 'data', progress }),
  })
  if (!prepared.value) throw dataFault(prepared.diagnostics, sources)
  const dataset = prepared.value
  const faults = to === null ? [] : await writeSplitFolders(dataset.manifest, dataset.root, resolve(workspace.cwd, to))
  if (faults.length > 0) throw new Fault(faults, 1)
  return { experiment: located.experiment, dataset }
}
