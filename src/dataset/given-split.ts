/** Splits that somebody else made: a manifest, or the folders of the layout. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Diagnostic, Outcome } from '../diagnostics/diagnostic.ts'
import { shown, type Finding } from './audit.ts'
import { findLeaks } from './leaks.ts'
import { readManifest } from './manifest-csv.ts'
import type { ManifestRow, SplitName } from './manifest.ts'
import { systemCode } from './system-error.ts'

/** An image as it lies there, with the `{split}` of its path. */
export type Present = Omit<ManifestRow, 'split'> & { readonly layoutSplit: string | null }

export interface Assigned {
  readonly rows: readonly ManifestRow[]
  /** What the split leaves out, for the table of the audit. */
  readonly findings: readonly Finding[]
}

/** The rows of a split.csv, as long as they speak of the images that are there. */
export async function rowsOfManifest(file: string, present: readonly Present[], classNames: readonly string[]): Promise<Outcome<Assigned>> {
  const name = basename(file)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const message = `the manifest ${file} cannot be read: ${systemCode(error) ?? String(error)}`
    const hint = 'A manifest is looked for beside the file that names it.'
    return { diagnostics: [{ code: 'manifest-missing', severity: 'error', message, hint }] }
  }
  const read = readManifest(text, name, classNames)
  if (!read.value) return { diagnostics: read.diagnostics }

  const byPath = new Map(present.map((row) => [row.path, row]))
  const mismatches = new Map<string, string[]>()
  const note = (kind: string, path: string): void => void mismatches.set(kind, [...(mismatches.get(kind) ?? []), path])
  const rows = read.value.flatMap((row): ManifestRow[] => {
    const own = byPath.get(row.path)
    if (!own) note('is not among the images', row.path)
    else if (own.sha256 !== row.sha256) note('has other bytes than when it was split', row.path)
    else if (own.class !== row.class) note('lies in the folder of another class', row.path)
    byPath.delete(row.path)
    return own ? [row] : []
  })
  const diagnostics = [...mismatches].map(([kind, paths]) => mismatch(name, kind, paths))
  // A manifest may call its groups what it likes; the layout's patients still stay on one side.
  const groupOf = new Map(present.map(({ path, group }) => [path, group]))
  const placed = rows.map(({ path, split }) => ({ group: groupOf.get(path) ?? path, split }))
  if (diagnostics.length === 0) diagnostics.push(...findLeaks(placed, name, 'Put each group of the layout on one side.'))
  if (diagnostics.length > 0) return { diagnostics }
  return { value: { rows, findings: leftOut([...byPath.keys()]) }, diagnostics: [] }
}

function mismatch(name: string, kind: string, paths: readonly string[]): Diagnostic {
  return {
    code: 'manifest-mismatch',
    severity: 'error',
    message: `${name}: ${JSON.stringify(paths[0])} ${kind}${paths.length > 1 ? `, and ${paths.length - 1} more likewise` : ''}`,
    hint: 'The manifest belongs to other data, or the data have changed: correct dataset.root, or split anew.',
  }
}

function leftOut(paths: readonly string[]): Finding[] {
  if (paths.length === 0) return []
  const examples = paths.slice(0, shown).map((path) => JSON.stringify(path))
  return [{ what: 'not in manifest', count: paths.length, examples, done: 'left out' }]
}

export const layoutNames: Readonly<Record<string, SplitName>> = {
  train: 'train',
  training: 'train',
  validation: 'validation',
  valid: 'validation',
  val: 'validation',
  test: 'test',
  testing: 'test',
}

/** The `{split}` of each path. */
export function rowsOfLayout(present: readonly Present[]): Outcome<Assigned> {
  const unknown = new Set<string>()
  const rows = present.flatMap(({ layoutSplit, ...row }): ManifestRow[] => {
    const split = layoutNames[layoutSplit ?? '']
    if (split === undefined) unknown.add(JSON.stringify(layoutSplit))
    return split === undefined ? [] : [{ ...row, split }]
  })
  if (unknown.size > 0) {
    const message = `the layout's {split} has the ${unknown.size === 1 ? 'name' : 'names'} ${[...unknown].join(', ')}`
    const hint = `It is one of ${Object.keys(layoutNames).join(', ')}.`
    return { diagnostics: [{ code: 'split-unknown', severity: 'error', message, hint }] }
  }
  const leaks = findLeaks(rows, 'the layout', 'Move each group to one side, or let runner split: split: { by: … }.')
  return leaks.length > 0 ? { diagnostics: leaks } : { value: { rows, findings: [] }, diagnostics: [] }
}
