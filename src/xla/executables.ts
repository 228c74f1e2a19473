/**
 * Compiled programs, kept: a compiler takes seconds, and may choose other kernels the next time. What a run was trained with lies in its folder,
 * and in a folder that all runs share.
 */
import { join } from 'node:path'
import { keptName, readKept, writeKept } from './kept-file.ts'
import type { PjrtClient, PjrtExecutable } from './pjrt.ts'

export interface Executables {
  /** The program of that text and those options, from the first folder that has it, or compiled. Rejects with `PjrtError`. */
  get(text: string, options: Uint8Array): Promise<PjrtExecutable>
}

/**
 * `identity` is everything beside program and options that decides what is compiled: the plugin with its libraries, the driver. Folders are asked
 * in their order, and each is given what it lacks.
 */
export function executablesIn(client: PjrtClient, identity: readonly string[], folders: readonly string[]): Executables {
  const { api, platform, platformVersion, device } = client
  return {
    async get(text, options) {
      const name = keptName([api, platform, platformVersion, device, ...identity, Buffer.from(options).toString('hex'), text])
      const kept = await Promise.all(folders.map((folder) => readKept(join(folder, name))))
      const known = kept.find((bytes) => bytes !== null)
      const executable = known ? await client.load(known) : await client.compile(text, options)
      const lacking = folders.filter((_, index) => !kept[index])
      if (lacking.length > 0) {
        const bytes = known ?? executable.serialize()
        await Promise.all(lacking.map((folder) => writeKept(join(folder, name), bytes)))
      }
      return executable
    },
  }
}
