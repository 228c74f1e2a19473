/** `runner FILE`: one training, or where the file has a `sweep` many. */
import { checkExperiment } from '../run/load.ts'
import type { Workspace } from '../run/workspace.ts'
import type { SweepOptions } from './sweep-command.ts'
import type { Terminal } from './terminal.ts'

/** Resolves with the exit code. */
export async function runFile(file: string, options: SweepOptions, workspace: Workspace, terminal: Terminal): Promise<number> {
  const { value } = await checkExperiment(file, options.set, workspace)
  if (value?.sweep) {
    const { tellSweep } = await import('./sweep-command.ts')
    return tellSweep(file, options, workspace, terminal)
  }
  const { runTraining } = await import('./train-command.ts')
  return runTraining(file, options, workspace, terminal)
}
