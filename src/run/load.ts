/** An experiment file to everything that can be known without touching images: the experiment and its network. */
import { loadExperiment, type LoadOptions, type Sweep } from '../experiment/load-experiment.ts'
import type { Located } from '../experiment/experiment.ts'
import type { Tree } from '../experiment/tree.ts'
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import type { Sources } from '../diagnostics/frame.ts'
import type { Network } from '../network/plan.ts'
import { planNetwork } from '../network/plan-network.ts'
import type { Workspace } from './workspace.ts'

export interface Checked {
  /** Present unless something is at fault. */
  readonly value?: {
    readonly located: Located
    readonly network: Network
    /** The experiment as it is written. */
    readonly tree: Tree
    /** Null where it stands for one run. */
    readonly sweep: Sweep | null
  }
  readonly diagnostics: readonly Diagnostic[]
  readonly sources: Sources
}

/** Every fault of the file at once; no side effect. */
export async function checkExperiment(file: string, set: readonly string[], workspace: Workspace): Promise<Checked> {
  const options: LoadOptions = {
    set,
    env: workspace.environment,
    cwd: workspace.cwd,
    projectRoot: workspace.home,
    judges: [(located) => planNetwork(located).diagnostics],
  }
  const { value: located, tree, sweep = null, diagnostics, sources } = await loadExperiment(file, options)
  const network = located ? planNetwork(located).value : undefined
  return located && network && tree ? { value: { located, network, tree, sweep }, diagnostics, sources } : { diagnostics, sources }
}

/** A file without a fault, and what there is to warn of. */
export interface LoadedFile extends NonNullable<Checked['value']> {
  /** As the user named it, relative to the working folder. */
  readonly file: string
  readonly diagnostics: readonly Diagnostic[]
  readonly sources: Sources
}

/** Throws `Fault` where the file is at fault. */
export async function loadChecked(file: string, set: readonly string[], workspace: Workspace): Promise<LoadedFile> {
  const { value, diagnostics, sources } = await checkExperiment(file, set, workspace)
  if (!value) throw new Fault(diagnostics, 1, sources)
  return { ...value, file, diagnostics, sources }
}
