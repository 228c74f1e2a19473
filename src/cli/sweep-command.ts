/** `runner FILE` with a `sweep`: a line for each trial as it ends, and the variants in order at the end. */
import type { Workspace } from '../run/workspace.ts'
import { runSweep, type SweepEvent, type SweepSummary } from '../sweep/run-sweep.ts'
import { shownPath } from './show-run.ts'
import { renderSweep, showSweep } from './show-sweep.ts'
import { listenToSignals } from './signals.ts'
import type { Terminal } from './terminal.ts'
import type { TrainOptions } from './train-command.ts'

export interface SweepOptions extends TrainOptions {
  readonly failed?: boolean
  readonly fresh?: boolean
  readonly test?: boolean
}

/** Resolves with the exit code. */
export async function tellSweep(file: string, options: SweepOptions, workspace: Workspace, terminal: Terminal): Promise<number> {
  const { cwd } = workspace
  const isJson = options.json === true
  const interruption = listenToSignals(terminal)
  const show = showSweep({ terminal, cwd, isQuiet: isJson || options.quiet === true })
  const listen = (event: SweepEvent): void => {
    if (event.type === 'sweep') interruption.begin()
    const story = event.type === 'trial-story' ? event.event : event
    if (story.type === 'journal' && isJson)
      terminal.out(JSON.stringify(event.type === 'trial-story' ? { trial: event.name, ...story.event } : story.event))
    else show(event)
  }
  try {
    const request = { readsTest: options.test === true, retriesFailed: options.failed === true, startsAnew: options.fresh === true }
    const summary = await runSweep({ file, set: options.set, workspace, listen, signal: interruption.signal, ...request })
    if (!isJson) terminal.out(renderSweep(summary, { color: terminal.outColor, folder: shownPath(summary.folder.path, cwd), file }))
    return exitCodeOf(summary, interruption.signal.aborted ? interruption.exitCode() : 0)
  } catch (error) {
    if (error !== interruption.signal.reason) throw error
    terminal.say('interrupted before the first trial began')
    return interruption.exitCode()
  } finally {
    interruption.stop()
  }
}

function exitCodeOf({ trials }: SweepSummary, interrupted: number): number {
  if (interrupted > 0) return interrupted
  return trials.some(({ state }) => state === 'failed') ? 4 : 0
}
