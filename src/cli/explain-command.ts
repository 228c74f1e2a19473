/** `runner explain FILE [PATH]`: one value with all that is known of it, or all values as a table. */
import type { Place } from '../diagnostics/diagnostic.ts'
import { renderDiagnostics, type Sources } from '../diagnostics/frame.ts'
import { positionAt } from '../diagnostics/position.ts'
import type { Explained } from '../experiment/explain.ts'
import { explainExperiment } from '../run/explain.ts'
import type { Workspace } from '../run/workspace.ts'
import { paint, type Terminal } from './terminal.ts'

export interface ExplainOptions {
  readonly set: readonly string[]
  readonly format: 'pretty' | 'json'
}

/** Throws `Fault` where the file is at fault, or has no such path. */
export async function showExplanation(
  file: string,
  path: string | null,
  { set, format }: ExplainOptions,
  workspace: Workspace,
  terminal: Terminal,
): Promise<void> {
  const { values, diagnostics, sources } = await explainExperiment({ file, set, path, workspace })
  if (diagnostics.length > 0) terminal.say(renderDiagnostics(diagnostics, sources, { color: terminal.color }))
  if (format === 'json') {
    terminal.out(
      JSON.stringify(
        values.map((value) => record(value, sources)),
        null,
        2,
      ),
    )
    return
  }
  const [own, ...below] = values
  if (path === null || !own) terminal.out(renderTable(values, sources, terminal.outColor).join('\n'))
  else terminal.out(renderOne(own, below, sources, terminal.outColor).join('\n'))
}

function renderOne(own: Explained, below: readonly Explained[], sources: Sources, color: boolean): string[] {
  const { path, description, allowed, examples, replaces, written, isRequired } = own
  const isScalar = below.length === 0
  const facts: (readonly [string, string])[] = [
    ['set', whereSet(own, sources)],
    ...(written === null ? [] : [['written', written] as const]),
    ...replaces.map(({ value, place }) => ['replaces', `${writeValue(value)} at ${writePlace(place, sources)}`] as const),
    ['default', isRequired ? 'none: it has to be written' : writeValue(own.default ?? null)],
    ['allowed', allowed],
    ...examples.map((example) => ['example', writeValue(example)] as const),
  ]
  return [
    isScalar ? `${paint(path, 'bold', color)} = ${valueOf(own)}` : paint(path, 'bold', color),
    ...(description === '' ? [] : [`  ${description}`]),
    '',
    ...facts.map(([name, fact]) => `  ${paint(name.padEnd(8), 'dim', color)}  ${fact}`),
    ...(isScalar ? [] : ['', ...renderTable(below, sources, color).map((line) => `  ${line}`)]),
  ]
}

function renderTable(values: readonly Explained[], sources: Sources, color: boolean): string[] {
  const rows = values.map((value) => [value.path, valueOf(value), value.place ? writePlace(value.place, sources) : 'default'] as const)
  const [paths, texts] = [0, 1].map((column) => Math.min(60, Math.max(0, ...rows.map((row) => row[column]?.length ?? 0))))
  return rows.map(([path, value, place]) => `${path.padEnd(paths ?? 0)}  ${value.padEnd(texts ?? 0)}  ${paint(place, 'dim', color)}`)
}

function whereSet({ place, value }: Explained, sources: Sources): string {
  if (place) return writePlace(place, sources)
  return value === undefined ? 'nowhere: the file makes no use of it' : 'nowhere: the default stands'
}

function valueOf({ value, means }: Explained): string {
  const text = value === undefined ? 'not used' : writeValue(value)
  return means === null ? text : `${text} (${means})`
}

function writeValue(value: unknown): string {
  if (value === null || value === '') return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** `experiments/baseline.yaml:64:49`, or the setting itself. */
function writePlace({ file, offset, length }: Place, sources: Sources): string {
  const text = sources.get(file) ?? ''
  if (file === '--set') {
    const start = text.lastIndexOf('\n', offset) + 1
    const end = text.indexOf('\n', offset + length)
    return `--set ${text.slice(start, end < 0 ? undefined : end)}`
  }
  const { line, column } = positionAt(text, offset)
  return `${file}:${line}:${column}`
}

function record({ place, replaces, ...rest }: Explained, sources: Sources): object {
  return {
    ...rest,
    set: place && writePlace(place, sources),
    replaces: replaces.map(({ value, place: at }) => ({ value, set: writePlace(at, sources) })),
  }
}
