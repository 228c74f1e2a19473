/** `runner FILE`: one training, or where the file has a `sweep` many. */
import { loadChecked } from '../run/load.ts'
import type { Workspace } from '../run/workspace.ts'
import type { SweepOptions } from './sweep-command.ts'
import type { Terminal } from './terminal.ts'

/** Resolves with the exit code. */
export async function runFile(file: string, options: SweepOptions, workspace: Workspace, terminal: Terminal): Promise<number> {
  const loaded = await loadChecked(file, options.set, workspace)
  if (loaded.sweep) {
    const { tellSweep } = await import('./sweep-command.ts')
    return tellSweep(loaded, options, workspace, terminal)
  }
  const { runTraining } = await import('./train-command.ts')
  return runTraining(loaded, options, workspace, terminal)
}
