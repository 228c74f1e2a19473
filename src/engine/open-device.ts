/** The device that the set-up prepared for this engine, opened: which it is, and the programs that it runs. */
import { readFile } from 'node:fs/promises'
import type { Accelerator } from '../journal/events.ts'
import { pjrtVariable } from '../setup/engine-environment.ts'
import type { Pjrt } from '../setup/pjrt.ts'
import { openPjrt, PjrtError, type PluginOptions } from '../xla/pjrt.ts'
import { devicePrograms } from './device-programs.ts'
import type { Programs } from './programs.ts'

export interface OpenDevice {
  readonly accelerator: Accelerator
  readonly programs: Programs
}

/** Null where there is no plugin; what the plugin says where it finds no device. */
export async function openDevice(environment: NodeJS.ProcessEnv): Promise<OpenDevice | { readonly refusal: string } | null> {
  const prepared = environment[pjrtVariable]
  if (prepared === undefined) return null
  const { addon, plugin, name, version, programs, compilerData } = JSON.parse(prepared) as Pjrt
  try {
    const client = await openPjrt(addon, plugin, optionsFor(name))
    const { api, platform, platformVersion, device } = client
    const driver = await driverVersion()
    const accelerator = { platform, platformVersion, card: device, driver, plugin: name, pluginVersion: version, api }
    const identity = [name, version, driver ?? '']
    return { accelerator, programs: devicePrograms({ client, identity, programs, compilerData }) }
  } catch (error) {
    if (!(error instanceof PjrtError)) throw error
    return { refusal: error.message }
  }
}

/** Memory as it is needed: the card may be somebody else's too. Other plugins know other names. */
function optionsFor(name: string): PluginOptions {
  return /^cuda1[23]$/.test(name) ? { preallocate: false } : {}
}

/** Of NVIDIA's kernel module; null where there is none. */
async function driverVersion(): Promise<string | null> {
  const text = await readFile('/proc/driver/nvidia/version', 'utf8').catch(() => '')
  return /\b(\d+\.\d+(?:\.\d+)?)\b/.exec(text)?.[1] ?? null
}
