/** `runner FILE` and `runner resume`, with what a terminal adds to the story: signals, the live line, the table at the end. */
import type { LoadedFile } from '../run/load.ts'
import { resumeExperiment } from '../run/resume.ts'
import type { Listener, RunSummary } from '../run/story.ts'
import { trainExperiment } from '../run/train.ts'
import type { Workspace } from '../run/workspace.ts'
import { showRun } from './show-run.ts'
import { renderSummary } from './show-summary.ts'
import { interruptible } from './signals.ts'
import type { Terminal } from './terminal.ts'

export interface TrainOptions {
  readonly set: readonly string[]
  readonly quiet?: boolean
  readonly json?: boolean
}

/** Resolves with the exit code. */
export function runTraining(loaded: LoadedFile, options: TrainOptions, workspace: Workspace, terminal: Terminal): Promise<number> {
  return tellTraining(options, workspace, terminal, (listen, signal) => trainExperiment({ loaded, workspace, listen, signal }))
}

/** Resolves with the exit code. */
export function resumeTraining(run: string, options: TrainOptions, workspace: Workspace, terminal: Terminal): Promise<number> {
  const { set } = options
  return tellTraining(options, workspace, terminal, (listen, signal) => resumeExperiment({ run, set, workspace, listen, signal }))
}

/** A training as it goes on, and its table; resolves with the exit code. */
export async function tellTraining(
  options: TrainOptions,
  workspace: Workspace,
  terminal: Terminal,
  story: (listen: Listener, signal: AbortSignal) => Promise<RunSummary>,
): Promise<number> {
  const { cwd } = workspace
  const isJson = options.json === true
  const started = performance.now()
  return interruptible(terminal, 'interrupted before the run began; nothing was kept of it', async (interruption) => {
    const show = showRun({ terminal, cwd, isQuiet: isJson || options.quiet === true })
    const listen: Listener = (event) => {
      if (event.type === 'planned') interruption.begin()
      if (event.type === 'journal' && isJson) terminal.out(JSON.stringify(event.event))
      else show(event)
    }
    const summary = await story(listen, interruption.signal)
    const seconds = (performance.now() - started) / 1000
    if (!isJson) terminal.out(renderSummary(summary, { color: terminal.outColor, cwd, seconds }))
    return summary.status === 'interrupted' ? interruption.exitCode() : 0
  })
}
