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

export interface Refusal {
  /** In the plugin's words. */
  readonly refusal: string
  /** Whether the user named the plugin: then there is nothing else that was meant. */
  readonly isNamed: boolean
}

/** Null where there is no plugin; what the plugin says where it finds no device. */
export async function openDevice(environment: NodeJS.ProcessEnv): Promise<OpenDevice | Refusal | null> {
  const prepared = environment[pjrtVariable]
  if (prepared === undefined) return null
  const { addon, plugin, name, version, programs, compilerData } = JSON.parse(prepared) as Pjrt
  // These would decide numbers behind the experiment's back: neither a kept program nor a journal knows of them.
  delete environment['XLA_FLAGS']
  delete environment['NVIDIA_TF32_OVERRIDE']
  try {
    const client = await openPjrt(addon, plugin, optionsFor(name))
    const { api, platform, platformVersion, device } = client
    const driver = await driverVersion()
    const accelerator = { platform, platformVersion, card: device, driver, plugin: name, pluginVersion: version, api }
    const identity = [name, version, driver ?? '']
    return { accelerator, programs: devicePrograms({ client, identity, programs, compilerData }) }
  } catch (error) {
    if (!(error instanceof PjrtError)) throw error
    return { refusal: error.message, isNamed: !isNvidias(name) }
  }
}

/** Memory as it is needed: the card may be somebody else's too. Other plugins know other names. */
function optionsFor(name: string): PluginOptions {
  return isNvidias(name) ? { preallocate: false } : {}
}

/** One of those that the set-up chooses by itself. */
function isNvidias(name: string): boolean {
  return /^cuda1[23]$/.test(name)
}

/** Of NVIDIA's kernel module; null where there is none. */
async function driverVersion(): Promise<string | null> {
  const text = await readFile('/proc/driver/nvidia/version', 'utf8').catch(() => '')
  return /\b(\d+\.\d+(?:\.\d+)?)\b/.exec(text)?.[1] ?? null
}
