/** Finds the images under a root and reads their names. Touches no image. */
import { statSync, type Stats } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { parseLayout } from './layout.ts'
import { systemCode } from './system-error.ts'

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
  /** Files that do not fit the layout, links to folders, and class folders that the experiment does not know. */
  readonly unmatched: readonly string[]
  readonly unknownClasses: ReadonlyMap<string, number>
  readonly diagnostics: readonly Diagnostic[]
}

export interface ScanOptions {
  readonly layout: string
  /** The folder of each class, in the order of the classes. */
  readonly classFolders: readonly string[]
  /** The placeholder of the layout that is the group; null where each image is its own. */
  readonly groupName: string | null
}

export async function scanDataset(root: string, { layout, classFolders, groupName }: ScanOptions): Promise<Scan> {
  const { read } = parseLayout(layout)
  const walk = await walkFolder(root)
  const samples: Sample[] = []
  const unmatched = [...walk.folderLinks]
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
  return { samples, unmatched, unknownClasses, diagnostics: walk.diagnostics }
}

interface Found {
  readonly path: string
  readonly bytes: number
  readonly modifiedMs: number
}

interface Walk {
  /** By path, in UTF-16 code units. */
  readonly files: readonly Found[]
  readonly folderLinks: readonly string[]
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Every file below, names that begin with a dot aside. Links to files are followed as long as they stay inside; links to folders never: what
 * lies inside is found where it lies.
 */
async function walkFolder(root: string): Promise<Walk> {
  const inside = (await realpath(root)) + sep
  const files: Found[] = []
  const folderLinks: string[] = []
  const diagnostics: Diagnostic[] = []
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((error: unknown) => {
      diagnostics.push(unreadableFolder(folder, error))
      return []
    })
    const below: Promise<void>[] = []
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) {
        below.push(visit(path))
        continue
      }
      const isLink = entry.isSymbolicLink()
      if (isLink && !(await realpath(join(root, path)).catch(() => '')).startsWith(inside)) {
        diagnostics.push(linkOutside(path))
        continue
      }
      const found = statOrNull(join(root, path))
      if (!found) diagnostics.push(unreachableName(path))
      else if (found.isFile()) files.push({ path, bytes: found.size, modifiedMs: found.mtimeMs })
      else if (isLink) folderLinks.push(path)
    }
    await Promise.all(below)
  }
  await visit('')
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  diagnostics.sort((a, b) => (a.message < b.message ? -1 : 1))
  return { files, folderLinks: folderLinks.sort(), diagnostics }
}

/** At once: the promise of it would cost five times as much. Between two folders others have their turn. */
function statOrNull(path: string): Stats | null {
  try {
    return statSync(path)
  } catch {
    return null
  }
}

function unreadableFolder(folder: string, error: unknown): Diagnostic {
  return {
    code: 'folder-unreadable',
    severity: 'error',
    message: `${JSON.stringify(folder === '' ? '.' : folder)} under the dataset's root cannot be read: ${systemCode(error) ?? String(error)}`,
    hint: 'Make it readable, or move it out of the root.',
  }
}

/** Names come as UTF-8: one that is something else is not found again by what was read of it. */
function unreachableName(path: string): Diagnostic {
  return {
    code: 'name-unreadable',
    severity: 'error',
    message: `${JSON.stringify(path)} under the dataset's root is not found by its name, which is no UTF-8, or it was removed just now`,
    hint: 'Rename it, or move it out of the root.',
  }
}

function linkOutside(path: string): Diagnostic {
  return {
    code: 'link-outside-root',
    severity: 'error',
    message: `${JSON.stringify(path)} is a link that leads out of the dataset's root, or nowhere`,
    hint: 'Copy the file, or set dataset.root to a folder that holds both.',
  }
}
