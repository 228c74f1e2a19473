/** `runner check FILE…`: every fault of every file. */
import { renderDiagnostics } from '../diagnostics/frame.ts'
import { diagnosticRecords } from '../diagnostics/json.ts'
import { sarifLog } from '../diagnostics/sarif.ts'
import { hasError } from '../diagnostics/sort.ts'
import { checkExperiment } from '../run/load.ts'
import type { Workspace } from '../run/workspace.ts'
import { paint, type Terminal } from './terminal.ts'

export interface CheckOptions {
  readonly set: readonly string[]
  readonly format: string
  /** Of runner, for formats that name their tool. */
  readonly version: string
}

/** Resolves with the exit code. */
export async function checkFiles(
  files: readonly string[],
  { set, format, version }: CheckOptions,
  workspace: Workspace,
  terminal: Terminal,
): Promise<number> {
  const outcomes = await Promise.all(files.map(async (file) => ({ file, ...(await checkExperiment(file, set, workspace)) })))
  if (format === 'json') {
    const records = outcomes.flatMap(({ diagnostics, sources }) => diagnosticRecords(diagnostics, sources))
    terminal.out(JSON.stringify(records, null, 2))
  } else if (format === 'sarif') {
    terminal.out(JSON.stringify(sarifLog(outcomes, version), null, 2))
  } else {
    const faulty = outcomes.filter(({ diagnostics }) => diagnostics.length > 0)
    const frames = faulty.map(({ diagnostics, sources }) => renderDiagnostics(diagnostics, sources, { color: terminal.color }))
    if (frames.length > 0) terminal.say(frames.join('\n\n'))
    for (const { file, value } of outcomes) {
      const points = value?.sweep ? `, ${value.sweep.points.length} points` : ''
      if (value) terminal.out(`${paint('✓', 'green', terminal.outColor)} ${file}${points}`)
    }
  }
  return outcomes.some(({ diagnostics }) => hasError(diagnostics)) ? 1 : 0
}
