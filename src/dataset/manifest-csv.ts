/** The manifest as `split.csv`: path, sha256, group, class, label, split. */
import { createHash } from 'node:crypto'
import { parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import type { Diagnostic, Outcome } from '../diagnostics/diagnostic.ts'
import { splitNames, type Manifest, type ManifestRow, type SplitName } from './manifest.ts'

const columns = ['path', 'sha256', 'group', 'class', 'label', 'split'] as const

/** The same bytes for the same rows, on every machine. */
export function writeManifest(rows: readonly ManifestRow[]): string {
  return stringify(
    rows.map((row) => columns.map((column) => String(row[column]))),
    { header: true, columns: [...columns], record_delimiter: '\n' },
  )
}

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

/** Rows of a split.csv, checked for what can be checked without the images. Further columns are ignored. */
export function readManifest(text: string, file: string): Outcome<readonly ManifestRow[]> {
  const fault = (code: string, message: string, hint?: string): Diagnostic => ({
    code,
    severity: 'error',
    message,
    ...(hint === undefined ? {} : { hint }),
  })
  let records: Readonly<Record<string, string>>[]
  try {
    records = parse(text, { columns: true, skip_empty_lines: true, bom: true })
  } catch (error) {
    return { diagnostics: [fault('manifest-syntax', `${file} is no CSV: ${error instanceof Error ? error.message : String(error)}`)] }
  }
  const missing = columns.filter((column) => records[0]?.[column] === undefined)
  if (missing.length > 0)
    return {
      diagnostics: [fault('manifest-columns', `${file} lacks ${missing.join(', ')}`, `A manifest has the columns ${columns.join(', ')}.`)],
    }
  const diagnostics: Diagnostic[] = []
  const rows = records.map((record, index): ManifestRow => {
    const { path = '', sha256 = '', group = '', label = '', split = '' } = record
    const line = index + 2
    if (path.startsWith('/') || path.split('/').includes('..') || path.includes('\\'))
      diagnostics.push(fault('manifest-path', `${file}:${line} names ${JSON.stringify(path)}, which is outside the dataset's root`))
    if (!splitNames.some((name) => name === split))
      diagnostics.push(
        fault('manifest-split', `${file}:${line} has the split ${JSON.stringify(split)}`, `It is one of ${splitNames.join(', ')}.`),
      )
    return { path, sha256, group, class: Number(record['class']), label, split: split as SplitName }
  })
  const firstSplit = new Map<string, SplitName>()
  const leaking = new Map<string, Set<SplitName>>()
  const seen = new Set<string>()
  for (const { path, group, split } of rows) {
    if (seen.has(path)) diagnostics.push(fault('manifest-path-twice', `${file} names ${JSON.stringify(path)} twice`))
    seen.add(path)
    const first = firstSplit.get(group) ?? split
    firstSplit.set(group, first)
    if (first !== split) leaking.set(group, (leaking.get(group) ?? new Set([first])).add(split))
  }
  for (const [group, splits] of [...leaking].slice(0, 5))
    diagnostics.push(
      fault(
        'split-leak',
        `${file} has group ${JSON.stringify(group)} in ${[...splits].join(' and ')}${leaking.size > 5 ? `, and ${leaking.size - 5} more groups likewise` : ''}`,
        'Put each group on one side, or give the reason in split.allowLeakage.',
      ),
    )
  return diagnostics.length > 0 ? { value: rows, diagnostics } : { value: rows, diagnostics: [] }
}
