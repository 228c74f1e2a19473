/** `runner compare`: the table and the verdicts first; then the comparison is kept, and MLflow told. */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { comparisonPage } from '../report/comparison-page.ts'
import { compareRuns } from '../run/compare.ts'
import type { Preparation } from '../run/prepare.ts'
import { comparisonRecord, recordComparison, type RecordedComparison } from '../run/record-comparison.ts'
import { renderComparison } from './show-comparison.ts'
import { shownPath } from './show-run.ts'
import { paint, type Terminal } from './terminal.ts'

export interface CompareOptions {
  readonly group: readonly string[]
  readonly test?: boolean
  readonly metric?: string
  readonly reference?: string
  readonly format: 'pretty' | 'json'
  readonly html?: string
  /** False where --no-log is said. */
  readonly log: boolean
}

/** Throws `Fault` where the runs cannot be compared. */
export async function showComparison(
  runs: readonly string[],
  { group, test, metric, reference, format, html, log }: CompareOptions,
  { workspace, listen }: Preparation,
  terminal: Terminal,
): Promise<void> {
  const compared = await compareRuns({
    runs,
    groups: group,
    split: test === true ? 'test' : 'validation',
    metric: metric ?? null,
    reference: reference ?? null,
    workspace,
    listen,
  })
  terminal.out(
    format === 'json' ? JSON.stringify(comparisonRecord(compared), null, 2) : renderComparison(compared, { color: terminal.outColor }),
  )
  const page = html === undefined && !log ? null : await comparisonPage(compared)
  if (page !== null && html !== undefined) await writeFile(resolve(workspace.cwd, html), page)
  if (page === null || !log) return
  const recorded = await recordComparison(compared, page, workspace, listen)
  if (format === 'pretty') terminal.out(whereToSee(recorded, workspace.cwd, terminal))
}

function whereToSee({ folder, tracking }: RecordedComparison, cwd: string, { outColor }: Terminal): string {
  const line = (name: string, text: string): string => `  ${paint(name.padEnd(8), 'dim', outColor)}${text}`
  const told =
    tracking === null
      ? 'not told: tracking.enabled is false'
      : tracking.isComplete
        ? (tracking.url ?? './runner ui')
        : 'has not got it yet: ./runner sync'
  return [line('kept', shownPath(folder.path, cwd)), line('MLflow', told)].join('\n')
}
