/** A process of its own: makes a client as the engine does and says, as one line of JSON, what it found. A crash here harms nobody. */
import { createRequire } from 'node:module'
import { pjrtVariable } from './engine-environment.ts'
import type { Pjrt } from './pjrt.ts'

export interface PluginAnswer {
  readonly api: string
  readonly platform: string
  readonly device: string
  /** Bytes that programs may have; null where the device does not say. */
  readonly limit: number | null
}

interface Addon {
  open(plugin: string, options: object): Promise<PluginAnswer & { readonly handle: object }>
  memory(client: object): { readonly limit: number | null } | null
}

const { addon, plugin, name } = JSON.parse(process.env[pjrtVariable] ?? '') as Pjrt
const native = createRequire(import.meta.url)(addon) as Addon
try {
  // Somebody else may train on the card now.
  const { handle, api, platform, device } = await native.open(plugin, /^cuda1[23]$/.test(name) ? { preallocate: false } : {})
  const answer: PluginAnswer = { api, platform, device, limit: native.memory(handle)?.limit ?? null }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
