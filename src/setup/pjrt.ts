/**
 * The way to a card: XLA's PJRT plugin with the libraries that it opens, and our addon between it and Node. Both only where a plugin is chosen
 * (pjrt-plugin.ts); a machine without a card neither downloads nor compiles anything here.
 */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Outcome } from '../diagnostics/diagnostic.ts'
import { withLock } from './lock.ts'
import { ensureAddon, findAddon } from './pjrt-addon.ts'
import { choosePlugin, type PluginChoice } from './pjrt-plugin.ts'
import { placesOf, type Places, type PjrtBuild } from './places.ts'
import type { SetupOptions } from './setup-options.ts'
import { ensureVirtualEnvironment } from './virtual-environment.ts'
import { areUnpacked, librariesIn, unpackWheels, type Wheels } from './wheels.ts'

export interface Pjrt {
  /** Absolute paths of the addon and of the plugin. */
  readonly addon: string
  readonly plugin: string
  /** `cuda13`, `cuda12`, or the file's name. */
  readonly name: string
  /** The pinned version; of a named file its size and the time of its last change, which tell it from another. */
  readonly version: string
  /** What the loader searches for libraries that the plugin does not find beside itself. */
  readonly libraryFolders: readonly string[]
  /** The folder with `bin/ptxas` and `nvvm/libdevice/`, for `--xla_gpu_cuda_data_dir`; null where the plugin has to know. */
  readonly compilerData: string | null
  /** The folder in which compiled programs are kept. */
  readonly programs: string
}

/** Installs and compiles what is missing or half-done; else it asks the driver for its cards, and makes some stat calls. */
export async function ensurePjrt(options: SetupOptions): Promise<Outcome<Pjrt | null>> {
  const places = placesOf(options.projectRoot)
  const choice = await choosePlugin(options.environment)
  const chosen = choice.value
  if (chosen === undefined) return { diagnostics: choice.diagnostics }
  if (chosen === null) return { value: null, diagnostics: [] }
  const ready = findPjrt(places, chosen)
  if (ready) return { value: ready, diagnostics: [] }
  return withLock(places, 'pjrt', options.report, () => install(places, chosen, options))
}

/** Null where the plugin or the addon is not whole. Starts nothing. */
export function findPjrt(places: Places, choice: PluginChoice): Pjrt | null {
  const addon = findAddon(places)
  return addon !== null && isPluginThere(places, choice) ? { addon, ...describePlugin(places, choice) } : null
}

export function isPluginThere(places: Places, choice: PluginChoice): boolean {
  return choice.kind === 'file' ? existsSync(choice.path) : areUnpacked(wheelsOf(places, choice.build))
}

/** Everything but the addon. The wheels do not have to be unpacked for the name and the version. */
export function describePlugin(places: Places, choice: PluginChoice): Omit<Pjrt, 'addon'> {
  if (choice.kind === 'file') {
    const { size, mtime } = statSync(choice.path)
    const version = `${size} bytes of ${mtime.toISOString()}`
    return { plugin: choice.path, name: basename(choice.path), version, libraryFolders: [], compilerData: null, programs: places.programs }
  }
  const { build } = choice
  const folder = places.pjrt(build)
  return {
    plugin: join(folder, pluginOf(build)),
    name: build,
    version: pinnedPlugin(places, build).version,
    libraryFolders: libraryFoldersOf(folder),
    compilerData: join(folder, compilerDataOf[build]),
    programs: places.programs,
  }
}

async function install(places: Places, choice: PluginChoice, options: SetupOptions): Promise<Outcome<Pjrt>> {
  // First what takes seconds and may fail: the libraries take minutes.
  const addon = await ensureAddon(places, options)
  if (addon.value === undefined) return { diagnostics: addon.diagnostics }
  if (choice.kind === 'wheel' && !isPluginThere(places, choice)) {
    const python = await ensureVirtualEnvironment(places, options)
    if (python.value === undefined) return { diagnostics: python.diagnostics }
    const fault = await unpackWheels(wheelsOf(places, choice.build), python.value, options)
    if (fault) return { diagnostics: [fault] }
  }
  return { value: { addon: addon.value, ...describePlugin(places, choice) }, diagnostics: [] }
}

const compilerDataOf = { cuda12: 'nvidia/cuda_nvcc', cuda13: 'nvidia/cu13' } as const
/** To say what is going to happen; measured as docs/setup.md tells. */
const sizeOf = { cuda12: '3.0 GB to download, 4.8 GB on disk', cuda13: '1.9 GB to download, 3.0 GB on disk' } as const

function wheelsOf(places: Places, build: PjrtBuild): Wheels {
  const { version, requirements } = pinnedPlugin(places, build)
  return {
    part: 'pjrt',
    words: `XLA's plugin ${version} for CUDA ${build.slice('cuda'.length)}, with its libraries (${sizeOf[build]})`,
    requirementsFile: places.requirements(`pjrt-${build}`),
    requirements,
    folder: places.pjrt(build),
    filesToStamp: (folder) => {
      const compiler = ['bin/ptxas', 'nvvm/libdevice/libdevice.10.bc'].map((path) => join(compilerDataOf[build], path))
      return [pluginOf(build), ...compiler, ...librariesIn(libraryFoldersOf(folder), folder)]
    },
  }
}

function pluginOf(build: PjrtBuild): string {
  return `jax_plugins/xla_${build}/xla_cuda_plugin.so`
}

function libraryFoldersOf(folder: string): string[] {
  const nvidia = join(folder, 'nvidia')
  const parts = existsSync(nvidia) ? readdirSync(nvidia).sort() : []
  return parts.map((name) => join(nvidia, name, 'lib')).filter((path) => existsSync(path))
}

function pinnedPlugin(places: Places, build: PjrtBuild): { requirements: string; version: string } {
  const requirements = readFileSync(places.requirements(`pjrt-${build}`), 'utf8')
  const pin = /^jax-cuda\d+-pjrt==(\S+)$/m.exec(requirements)
  if (!pin?.[1]) throw new Error('Internal error: the requirements pin no plugin')
  return { requirements, version: pin[1] }
}
