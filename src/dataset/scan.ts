/** Finds the images under a root and reads their names. Touches no image. */
import { readdir, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { groupPlaceholder, parseLayout } from './layout.ts'

/** One file that fits the layout and whose class the experiment knows. */
export interface Sample {
  /** Relative to the root, with forward slashes. */
  readonly path: string
  /** The group of the layout, or the path where it has none. */
  readonly group: string
  readonly class: number
  readonly x: number | null
  readonly y: number | null
  /** The `{split}` of the layout, as written. */
  readonly split: string | null
  readonly bytes: number
  readonly modifiedMs: number
}

export interface Scan {
  /** By path, in UTF-16 code units: no file system has a say in it. */
  readonly samples: readonly Sample[]
  /** Whether the layout names a group. */
  readonly hasGroups: boolean
  /** Files that do not fit the layout, and class folders that the experiment does not know. */
  readonly unmatched: readonly string[]
  readonly unknownClasses: ReadonlyMap<string, number>
  readonly diagnostics: readonly Diagnostic[]
}

export async function scanDataset(root: string, layout: string, classFolders: readonly string[]): Promise<Scan> {
  const { placeholders, read } = parseLayout(layout)
  const groupName = groupPlaceholder(placeholders)
  const walk = await walkFolder(root)
  const samples: Sample[] = []
  const unmatched: string[] = []
  const unknownClasses = new Map<string, number>()
  for (const { path, bytes, modifiedMs } of walk.files) {
    const parts = read(path)
    const folder = parts?.names['class']
    if (!parts || folder === undefined) {
      unmatched.push(path)
      continue
    }
    const index = classFolders.indexOf(folder)
    if (index < 0) {
      unknownClasses.set(folder, (unknownClasses.get(folder) ?? 0) + 1)
      continue
    }
    const group = groupName === null ? path : (parts.names[groupName] ?? path)
    samples.push({ path, group, class: index, x: parts.x, y: parts.y, split: parts.names['split'] ?? null, bytes, modifiedMs })
  }
  return { samples, hasGroups: groupName !== null, unmatched, unknownClasses, diagnostics: walk.diagnostics }
}

interface Found {
  readonly path: string
  readonly bytes: number
  readonly modifiedMs: number
}

/** Every file below, links followed as long as they stay inside. */
async function walkFolder(root: string): Promise<{ files: Found[]; diagnostics: Diagnostic[] }> {
  const inside = (await realpath(root)) + sep
  const files: Found[] = []
  const diagnostics: Diagnostic[] = []
  const visit = async (relative: string): Promise<void> => {
    const entries = await readdir(join(root, relative), { withFileTypes: true })
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`
      if (entry.isSymbolicLink() && !(await realpath(join(root, path)).catch(() => '')).startsWith(inside)) {
        diagnostics.push(linkOutside(path))
        continue
      }
      const found = await stat(join(root, path))
      if (found.isDirectory()) await visit(path)
      else if (found.isFile()) files.push({ path, bytes: found.size, modifiedMs: found.mtimeMs })
    }
  }
  await visit('')
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { files, diagnostics }
}

function linkOutside(path: string): Diagnostic {
  return {
    code: 'link-outside-root',
    severity: 'error',
    message: `${JSON.stringify(path)} is a link that leads out of the dataset's root, or nowhere`,
    hint: 'Copy the file, or set dataset.root to a folder that holds both.',
  }
}
