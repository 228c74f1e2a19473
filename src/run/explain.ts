/** `runner explain FILE [PATH]`: what the file says, where it says so, and what it may say. No image is touched. */
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import type { Sources } from '../diagnostics/frame.ts'
import { explainAll, explainPath, type Explained } from '../experiment/explain.ts'
import { loadChecked } from './load.ts'
import type { Workspace } from './workspace.ts'

export interface ExplainRequest {
  readonly file: string
  readonly set: readonly string[]
  /** Dotted; null asks for every value. */
  readonly path: string | null
  readonly workspace: Workspace
}

export interface Explanation {
  /** The path itself first, then what stands below it; every value where none was asked for. */
  readonly values: readonly Explained[]
  readonly diagnostics: readonly Diagnostic[]
  readonly sources: Sources
}

/** Throws `Fault` where the file is at fault, or has no such path. */
export async function explainExperiment({ file, set, path, workspace }: ExplainRequest): Promise<Explanation> {
  const { located, tree, diagnostics, sources } = await loadChecked(file, set, workspace)
  const explainable = { experiment: located.experiment, tree, sources }
  if (path === null) return { values: explainAll(explainable), diagnostics, sources }
  const explained = explainPath(explainable, path.split('.'))
  if ('fault' in explained) throw new Fault([explained.fault], 2)
  return { values: explained.value, diagnostics, sources }
}
