/** The manifest as `split.csv`: path, sha256, group, class, label, split. */
import { createHash } from 'node:crypto'
import { parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import type { Diagnostic, Outcome } from '../diagnostics/diagnostic.ts'
import { findLeaks } from './leaks.ts'
import { splitNames, type Manifest, type ManifestRow, type SplitName } from './manifest.ts'

const columns = ['path', 'sha256', 'group', 'class', 'label', 'split'] as const

/** The same bytes for the same rows, on every machine. */
export function writeManifest(rows: readonly ManifestRow[]): string {
  return [columns.join(), ...rows.map(lineOf), ''].join('\n')
}

/** Nearly no row has anything to quote, and the library asks that of every cell, which takes long for thousands of rows. */
function lineOf(row: ManifestRow): string {
  const cells = columns.map((column) => String(row[column]))
  return cells.every((cell) => plain.test(cell)) ? cells.join() : stringify([cells], { eof: false, record_delimiter: '\n' })
}

const plain = /^[\w./ :+-]+$/

export function manifestOf(rows: readonly ManifestRow[]): Manifest {
  const sorted = [...rows].sort((a, b) => (a.path < b.path ? -1 : 1))
  return { rows: sorted, digest: createHash('sha256').update(writeManifest(sorted)).digest('hex') }
}

/** What tells two splits apart in MLflow: at most 36 characters. */
export function splitDigest(manifest: Manifest, split: SplitName): string {
  const rows = manifest.rows.filter((row) => row.split === split)
  return createHash('sha256')
    .update(`${split}\n${writeManifest(rows)}`)
    .digest('hex')
    .slice(0, 32)
}

/**
 * Rows of a split.csv, checked for what can be checked without the images; every fault at once, each kind with its first line. Further columns
 * are ignored. `file` is how faults name it.
 */
export function readManifest(text: string, file: string, classNames: readonly string[]): Outcome<readonly ManifestRow[]> {
  let records: Readonly<Record<string, string>>[]
  try {
    records = parse(text, { columns: true, skip_empty_lines: true, bom: true })
  } catch (error) {
    const message = `${file} is no CSV: ${error instanceof Error ? error.message : String(error)}`
    return { diagnostics: [{ code: 'manifest-syntax', severity: 'error', message }] }
  }
  const hint = `A manifest has the columns ${columns.join(', ')}.`
  const [first] = records
  if (!first) return { diagnostics: [{ code: 'manifest-empty', severity: 'error', message: `${file} has no rows`, hint }] }
  const missing = columns.filter((column) => first[column] === undefined)
  if (missing.length > 0)
    return { diagnostics: [{ code: 'manifest-columns', severity: 'error', message: `${file} lacks ${missing.join(', ')}`, hint }] }

  const faults = new Faults(file)
  const paths = new Set<string>()
  const rows = records.flatMap((record, index): ManifestRow[] => {
    const { path = '', sha256 = '', group = '', label = '' } = record
    // Rows that are quoted over several lines are rare; then the line is that of the row's number.
    const line = index + 2
    const split = splitNames.find((name) => name === record['split'])
    const number = Number(record['class'])
    if (/^([/\\]|[A-Za-z]:)/.test(path) || path.split(/[/\\]/).includes('..') || path === '')
      faults.note('manifest-path', line, `names ${JSON.stringify(path)}, which is not inside the dataset's root`)
    if (paths.has(path)) faults.note('manifest-path-twice', line, `names ${JSON.stringify(path)} a second time`)
    if (split === undefined) faults.note('manifest-split', line, `has the split ${JSON.stringify(record['split'])}`, splitHint)
    if (record['class'] === '' || classNames[number] !== label)
      faults.note('manifest-class', line, `has class ${record['class'] ?? ''}, label ${JSON.stringify(label)}`, classHint(classNames))
    paths.add(path)
    return split === undefined ? [] : [{ path, sha256, group, class: number, label, split }]
  })
  const diagnostics = [...faults.diagnostics(), ...findLeaks(rows, file, 'Put each group on one side.')]
  return diagnostics.length > 0 ? { diagnostics } : { value: rows, diagnostics: [] }
}

const splitHint = `It is one of ${splitNames.join(', ')}.`

function classHint(names: readonly string[]): string {
  return `The experiment has ${names.map((name, index) => `${index} ${JSON.stringify(name)}`).join(', ')}.`
}

/** Thousands of rows with one fault are one fault: its first line, and how many more. */
class Faults {
  readonly #file: string
  readonly #found = new Map<string, { line: number; message: string; hint: string | undefined; count: number }>()

  constructor(file: string) {
    this.#file = file
  }

  note(code: string, line: number, message: string, hint?: string): void {
    const found = this.#found.get(code)
    if (found) found.count += 1
    else this.#found.set(code, { line, message, hint, count: 1 })
  }

  diagnostics(): Diagnostic[] {
    return [...this.#found].map(([code, { line, message, hint, count }]) => ({
      code,
      severity: 'error',
      message: `${this.#file}:${line} ${message}${count > 1 ? `, and ${count - 1} more rows likewise` : ''}`,
      ...(hint === undefined ? {} : { hint }),
    }))
  }
}
