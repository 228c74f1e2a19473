/** Unpacks pinned wheels into a folder outside any Python environment. A folder under its final name is always complete. */
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { pipInstall } from './pip.ts'
import type { SetupOptions, SetupPart } from './setup-options.ts'
import { agreesWithStamp, writeStamp } from './stamp.ts'

export interface Wheels {
  /** Its lock is the caller's. */
  readonly part: SetupPart
  /** What is installed, in the user's words. */
  readonly words: string
  /** The file with the pins, and its text. */
  readonly requirementsFile: string
  readonly requirements: string
  readonly folder: string
  /** What must be there, relative to the folder that it is given. */
  readonly filesToStamp: (folder: string) => readonly string[]
}

/** Any Python's wheel has the same libraries; naming one makes the set-up work on Pythons that the wheels do not know yet. */
const wheelPython = ['--python-version=3.12', '--implementation=cp']
const stampName = 'stamp.json'

/** Costs some stat calls. */
export function areUnpacked({ folder, requirements }: Pick<Wheels, 'folder' | 'requirements'>): boolean {
  return agreesWithStamp(join(folder, stampName), requirements)
}

/** Unpacks beside, stamps, and renames into place. Returns null, or what pip said. */
export async function unpackWheels(wheels: Wheels, python: string, options: SetupOptions): Promise<Diagnostic | null> {
  const { part, words, requirementsFile, requirements, folder, filesToStamp } = wheels
  options.report({ part, state: 'started', text: `installing ${words}` })
  removePartial(folder)
  const partial = `${folder}.partial-${process.pid}`
  mkdirSync(partial, { recursive: true })
  const fault = await pipInstall(
    python,
    part,
    ['--no-deps', '--no-compile', ...wheelPython, '--target', partial, '-r', requirementsFile],
    options,
  )
  if (fault) {
    rmSync(partial, { recursive: true, force: true })
    return fault
  }
  writeStamp(join(partial, stampName), requirements, filesToStamp(partial))
  rmSync(folder, { recursive: true, force: true })
  renameSync(partial, folder)
  options.report({ part, state: 'done', text: words })
  return null
}

/** The shared libraries of these folders, relative to the one that holds them all. */
export function librariesIn(folders: readonly string[], wheel: string): string[] {
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.includes('.so'))
      .map((name) => join(folder, name).slice(wheel.length + 1)),
  )
}

/** What killed predecessors left; only the lock's holder comes here. */
function removePartial(folder: string): void {
  mkdirSync(dirname(folder), { recursive: true })
  for (const name of readdirSync(dirname(folder))) {
    if (name.startsWith(`${basename(folder)}.partial-`)) rmSync(join(dirname(folder), name), { recursive: true, force: true })
  }
}
