/** `runner diff A B`: three tables, and nothing where nothing differs. */
import type { LayerChange, ValueChange } from '../experiment/diff.ts'
import { writeBytes } from '../network/bytes.ts'
import { diffFiles, type CostChange, type WholeDiff } from '../run/diff.ts'
import type { Listener } from '../run/story.ts'
import type { Workspace } from '../run/workspace.ts'
import { counted, paint, type Terminal } from './terminal.ts'

export interface DiffOptions {
  readonly set: readonly string[]
  readonly format: 'pretty' | 'json'
}

interface Surroundings {
  readonly workspace: Workspace
  readonly listen: Listener
  readonly terminal: Terminal
}

/** Throws `Fault` where one of the files is at fault. */
export async function showDiff(
  before: string,
  after: string,
  { set, format }: DiffOptions,
  { workspace, listen, terminal }: Surroundings,
): Promise<void> {
  const diff = await diffFiles({ before, after, set, workspace, listen })
  terminal.out(format === 'json' ? JSON.stringify(diff, null, 2) : renderDiff(diff, [before, after], terminal.outColor))
}

function renderDiff({ values, layers, costs }: WholeDiff, files: readonly [string, string], color: boolean): string {
  if (values.length === 0 && layers.length === 0) return `${files[0]} and ${files[1]} mean the same.`
  const table = (title: string, rows: readonly (readonly [string, string, string, string])[]): string[] => {
    const all = [[title, ...files, ''] as const, ...rows]
    const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
    return all.map((row, index) => {
      const line = row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd()
      return index === 0 ? paint(line, 'dim', color) : line
    })
  }
  const sections = [
    values.length > 0
      ? table(
          'values',
          values.map(({ path, before, after }) => [path, writeValue(before), writeValue(after), '']),
        )
      : [],
    layers.length > 0 ? [paint('layers', 'dim', color), ...layers.map(writeLayer)] : [],
    table(
      'costs',
      costs.map((cost) => [cost.what, writeCost(cost, cost.before), writeCost(cost, cost.after), writeChange(cost)]),
    ),
  ]
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')
}

function writeLayer({ change, name, options }: LayerChange): string {
  const written = options.map((option) => writeOption(change, option)).join(', ')
  return `${change.padEnd(7)}   ${name}${written === '' ? '' : `: ${written}`}`
}

function writeOption(change: LayerChange['change'], { path, before, after }: ValueChange): string {
  if (change === 'changed') return `${path} ${writeValue(before)} -> ${writeValue(after)}`
  return `${path} ${writeValue(change === 'added' ? after : before)}`
}

function writeValue(value: unknown): string {
  if (value === undefined || value === '') return '–'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function writeCost({ unit }: CostChange, value: number): string {
  return unit === 'bytes' ? writeBytes(value) : counted(value)
}

/** `+12.5 %`, or that it stays. */
function writeChange({ before, after }: CostChange): string {
  if (before === after) return 'the same'
  if (before === 0) return ''
  const share = 100 * (after / before - 1)
  return `${share < 0 ? '−' : '+'}${Math.abs(share) < 0.1 ? '<0.1' : Math.abs(share).toFixed(1)} %`
}
