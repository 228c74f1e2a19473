/** What `runner list` prints: one run a line. */
import type { ListedRun } from '../run/list.ts'
import { paint } from './terminal.ts'

const heading = ['run', 'experiment', 'status', 'epochs', 'AUC', 'on', '']

export function renderList(runs: readonly ListedRun[], color: boolean): string {
  if (runs.length === 0) return 'No runs yet: ./runner experiments/smoke.yaml makes one in seconds.'
  const rows = runs.map(({ id, experiment, status, epochs, metrics, caveats }) => {
    const [score, on] = scoreOf(metrics)
    return [id, experiment, status, epochs, score, on, caveats.join(', ')]
  })
  const widths = heading.map((_, column) => Math.max(...[heading, ...rows].map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [paint(line(heading), 'dim', color), ...rows.map(line), ...waysOn(runs)].join('\n')
}

/** Where a training stands still that could go on. */
function waysOn(runs: readonly ListedRun[]): string[] {
  const stopped = runs.filter(({ status }) => status === 'killed' || status === 'interrupted')
  return stopped.length === 0
    ? []
    : ['', ...stopped.map(({ id, status }) => `${status === 'killed' ? 'Killed' : 'Interrupted'}, goes on with  runner resume ${id}`)]
}

function scoreOf(metrics: ListedRun['metrics']): [string, string] {
  for (const [prefix, split] of [
    ['test', 'test'],
    ['best', 'validation'],
    ['val', 'validation'],
  ] as const) {
    const value = metrics[`${prefix}/roc_auc`]
    if (value !== undefined) return [value.toFixed(3), split]
  }
  return ['', '']
}
