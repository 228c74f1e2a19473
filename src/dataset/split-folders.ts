/** The split as folders, as the tutorial has it: training, validation and testing, each with a folder a class. */
import { copyFile, link, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import type { Manifest, SplitName } from './manifest.ts'

const folders: Record<SplitName, string> = { train: 'training', validation: 'validation', test: 'testing' }

/** Links where the file system can, copies elsewhere. A folder that holds something is refused. */
export async function writeSplitFolders(manifest: Manifest, root: string, to: string): Promise<Diagnostic[]> {
  const present = await readdir(to).catch(() => [])
  if (present.length > 0)
    return [{ code: 'folder-not-empty', severity: 'error', message: `${to} is not empty`, hint: 'Name a folder that does not exist yet.' }]
  const made = new Set<string>()
  for (const { path, split, label } of manifest.rows) {
    const folder = join(to, folders[split], label)
    if (!made.has(folder)) await mkdir(folder, { recursive: true })
    made.add(folder)
    // Names repeat across patients in some data sets; the path says it all.
    const target = join(folder, path.replaceAll('/', '__'))
    await link(join(root, path), target).catch(() => copyFile(join(root, path), target))
  }
  return []
}
