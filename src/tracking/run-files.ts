/** The files of a run folder, each with the path under which MLflow keeps it. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { toArtifactPath } from 'mlflow-js-client'
import type { RunFolder } from '../journal/run-folder.ts'
import { nameGiver } from './names.ts'

export interface RunFile {
  readonly local: string
  /** With forward slashes. Names that servers refuse are told under the nearest that they take. */
  readonly path: string
}

/** Null where there is no such file or folder any more. */
export async function filesOf(folder: RunFolder, path: string): Promise<readonly RunFile[] | null> {
  const local = join(folder.path, path)
  const found = await stat(local).catch(() => null)
  if (!found) return null
  const names = found.isDirectory() ? await namesBelow(local) : ['']
  const pathOf = nameGiver(toArtifactPath)
  return names.map((name) => (name === '' ? { local, path: pathOf(path) } : { local: join(local, name), path: pathOf(`${path}/${name}`) }))
}

async function namesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}
