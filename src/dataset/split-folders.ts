/** The split as folders, as the tutorial has it: training, validation and testing, each with a folder a class. */
import { createHash } from 'node:crypto'
import { copyFile, link, mkdir, readdir, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import type { Manifest, SplitName } from './manifest.ts'
import { besideOf } from './sealed-file.ts'
import { systemCode, writingFault } from './system-error.ts'

const folders: Record<SplitName, string> = { train: 'training', validation: 'validation', test: 'testing' }

/** Bytes of a file's name, on every common file system. */
const longestName = 255

/**
 * Hard links where the file system can, copies elsewhere: both are the same bytes, and a link is the same file. The folder appears whole or not
 * at all; one that holds something is refused.
 */
export async function writeSplitFolders(manifest: Manifest, root: string, to: string): Promise<Diagnostic[]> {
  const target = resolve(to)
  const isTaken = await readdir(target).then(
    (names) => names.length > 0,
    (error: unknown) => systemCode(error) !== 'ENOENT',
  )
  if (isTaken) {
    const hint = 'Name a folder that does not exist yet.'
    return [{ code: 'folder-not-empty', severity: 'error', message: `${to} is not empty, or no folder`, hint }]
  }
  const beside = besideOf(target)
  try {
    const made = new Set<string>()
    const taken = new Set<string>()
    // Names repeat across patients in some data sets; the path says it all, unless it is too long for a name or says the same as another.
    const free = (folder: string, path: string): string => {
      const plain = path.replaceAll('/', '__')
      const digest = createHash('sha256').update(path).digest('hex').slice(0, 32)
      const name = Buffer.byteLength(plain) > longestName || taken.has(join(folder, plain)) ? `${digest}${extname(path)}` : plain
      taken.add(join(folder, name))
      return name
    }
    for (const { path, split, label } of manifest.rows) {
      const folder = join(beside, folders[split], label.replace(/[/\\]|^\.+$/g, '_'))
      if (!made.has(folder)) await mkdir(folder, { recursive: true })
      made.add(folder)
      const copy = join(folder, free(folder, path))
      const source = await realpath(join(root, path))
      await link(source, copy).catch(() => copyFile(source, copy))
    }
    await rename(beside, target)
    return []
  } catch (error) {
    const fault = writingFault(error, dirname(target))
    if (!fault) throw error
    return [{ ...fault, message: `${basename(target)}: ${fault.message}` }]
  } finally {
    await rm(beside, { recursive: true, force: true })
  }
}
