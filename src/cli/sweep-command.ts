/** `runner FILE` with a `sweep`: a line for each trial as it ends, and the variants in order at the end. */
import type { LoadedFile } from '../run/load.ts'
import type { Workspace } from '../run/workspace.ts'
import { runSweep, type SweepSummary } from '../sweep/run-sweep.ts'
import type { SweepEvent } from '../sweep/sweep-request.ts'
import { shownPath } from './show-run.ts'
import { renderSweep, showSweep } from './show-sweep.ts'
import { interruptible } from './signals.ts'
import type { Terminal } from './terminal.ts'
import type { TrainOptions } from './train-command.ts'

export interface SweepOptions extends TrainOptions {
  readonly failed?: boolean
  readonly fresh?: boolean
  readonly test?: boolean
}

/** Resolves with the exit code. */
export function tellSweep(loaded: LoadedFile, options: SweepOptions, workspace: Workspace, terminal: Terminal): Promise<number> {
  const { cwd } = workspace
  const isJson = options.json === true
  return interruptible(terminal, 'interrupted before the first trial began', async (interruption) => {
    const show = showSweep({ terminal, cwd, isQuiet: isJson || options.quiet === true })
    const listen = (event: SweepEvent): void => {
      // On Slurm there is no step to finish here: the trials go on without this process.
      if (event.type === 'sweep' && loaded.sweep?.launcher.slurm === undefined) interruption.begin()
      const story = event.type === 'trial-story' ? event.event : event
      if (story.type === 'journal' && isJson)
        terminal.out(JSON.stringify(event.type === 'trial-story' ? { trial: event.name, ...story.event } : story.event))
      else show(event)
    }
    const request = { readsTest: options.test === true, retriesFailed: options.failed === true, startsAnew: options.fresh === true }
    const summary = await runSweep({ loaded, workspace, listen, signal: interruption.signal, ...request })
    const set = options.set.flatMap((value) => ['--set', value])
    const command = ['runner', loaded.file, ...set, ...(request.readsTest ? ['--test'] : [])]
    if (!isJson) terminal.out(renderSweep(summary, { color: terminal.outColor, folder: shownPath(summary.folder.path, cwd), command }))
    return exitCodeOf(summary, interruption.signal.aborted ? interruption.exitCode() : 0)
  })
}

function exitCodeOf({ trials }: SweepSummary, interrupted: number): number {
  if (interrupted > 0) return interrupted
  if (trials.some(({ state }) => state === 'failed')) return 4
  return trials.some(({ state }) => state === 'interrupted') ? 143 : 0
}
