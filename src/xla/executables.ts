/**
 * Compiled programs, kept: a compiler takes seconds, and may choose other kernels the next time. What a run was trained with lies in its folder,
 * and in a folder that all runs share.
 */
import { join } from 'node:path'
import { compileOptions, placeOf, type XlaFlags } from './compile-options.ts'
import { keptName, readKept, writeKept } from './kept-file.ts'
import { PjrtError, type PjrtClient, type PjrtExecutable } from './pjrt.ts'

export interface Executables {
  /** The program of that text, from the first folder that has it, or compiled. Rejects with `PjrtError`. */
  get(text: string): Promise<PjrtExecutable>
}

export interface ExecutableFolder {
  readonly path: string
  /** Whether what it lacks is written there; made if absent. A folder that cannot be written is done without. */
  readonly isWritten: boolean
}

export interface ExecutableOptions {
  /** What else decides what is compiled: the plugin with its libraries, the driver. */
  readonly identity: readonly string[]
  readonly flags: XlaFlags
  readonly compilerData: string | null
  /** In the order in which they are asked. */
  readonly folders: readonly ExecutableFolder[]
  /** Called for each program that no folder had, or whose file could not be loaded. */
  readonly onCompiled?: () => void
}

export function executablesIn(client: PjrtClient, { identity, flags, compilerData, folders, onCompiled }: ExecutableOptions): Executables {
  const { api, platform, platformVersion, device } = client
  const options = compileOptions({ ...flags, ...placeOf(platform, compilerData) })
  return {
    async get(text) {
      const name = keptName([api, platform, platformVersion, device, ...identity, JSON.stringify(flags), text])
      const kept = await Promise.all(folders.map(({ path }) => readKept(join(path, name))))
      const known = kept.find((bytes) => bytes !== null)
      const loaded = known ? await loadOrNull(client, known) : null
      if (!loaded) onCompiled?.()
      const executable = loaded ?? (await client.compile(text, options))
      const lacking = folders.filter(({ isWritten }, index) => isWritten && (!loaded || !kept[index]))
      if (lacking.length > 0) {
        const bytes = loaded && known ? known : executable.serialize()
        await Promise.all(lacking.map(({ path }) => writeKept(join(path, name), bytes).catch(() => undefined)))
      }
      return executable
    },
  }
}

/** Null where the plugin does not take it, as after an update that kept its version. */
async function loadOrNull(client: PjrtClient, bytes: Uint8Array): Promise<PjrtExecutable | null> {
  try {
    return await client.load(bytes)
  } catch (error) {
    if (error instanceof PjrtError) return null
    throw error
  }
}
