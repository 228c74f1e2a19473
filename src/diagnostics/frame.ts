/** Diagnostics as a compiler shows them: the place, the lines around it, carets, the sentence and the way out. */
import type { Diagnostic } from './diagnostic.ts'
import { positionAt } from './position.ts'
import { sortDiagnostics } from './sort.ts'

const linesBefore = 2
/** Columns of a source line that are shown; of a longer one, those around the place. */
const widest = 160

/** Text of each file that places name. */
export type Sources = ReadonlyMap<string, string>

export interface FrameOptions {
  readonly color: boolean
}

/** All of them, an empty line between two. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], sources: Sources, options: FrameOptions): string {
  return sortDiagnostics(diagnostics)
    .map((diagnostic) => renderDiagnostic(diagnostic, sources, options))
    .join('\n\n')
}

/** The sentence with what was expected, what was received and the way out. */
export function sentenceOf({ message, expected, received, hint }: Diagnostic): string {
  const comparison = [expected === undefined ? '' : `expected ${expected}`, received === undefined ? '' : `received ${received}`]
    .filter((part) => part !== '')
    .join(', ')
  const fact = comparison === '' ? message : `${message}: ${comparison}`
  return hint === undefined || hint === '' ? fact : `${/[.?!]$/.test(fact) ? fact : `${fact}.`} ${hint}`
}

function renderDiagnostic(diagnostic: Diagnostic, sources: Sources, { color }: FrameOptions): string {
  const paint = (code: number, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text)
  const { place, severity } = diagnostic
  const tone = severity === 'error' ? 31 : severity === 'warning' ? 33 : 36
  const label = `${paint(tone, severity)}  ${diagnostic.code}`
  const source = place ? sources.get(place.file) : undefined
  if (!place || source === undefined) return `${place ? `${place.file}  ` : ''}${label}\n  ${sentenceOf(diagnostic)}`

  const { line, column } = positionAt(source, place.offset)
  const lines = source.split('\n').map(withoutTabs)
  const length = Math.max(1, Math.min(place.length, (lines[line - 1] ?? '').length - column + 1))
  const cut = column - 1 + length > widest ? Math.max(0, column - 1 - widest / 4) : 0
  const gutter = (number: string): string => paint(2, `${number.padStart(Math.max(4, String(line).length + 2))} │`)
  const shown = lines
    .slice(Math.max(0, line - 1 - linesBefore), line)
    .map((text, index, all) => `${gutter(String(line - all.length + 1 + index))} ${clip(text, cut)}`.trimEnd())
  const carets = `${' '.repeat(column - 1 - cut)}${paint(tone, '^'.repeat(Math.min(length, widest)))}`
  return [`${place.file}:${line}:${column}  ${label}`, ...shown, `${gutter('')} ${carets} ${sentenceOf(diagnostic)}`].join('\n')
}

/** A tab would move the carets. */
function withoutTabs(line: string): string {
  return line.replace(/\t/g, ' ').replace(/\r$/, '')
}

/** The columns of a line that are shown; an ellipsis stands where some are not. */
function clip(line: string, cut: number): string {
  const shown = line.slice(cut, cut + widest)
  return `${cut > 0 && shown !== '' ? `…${shown.slice(1)}` : shown}${line.length > cut + widest ? '…' : ''}`
}
