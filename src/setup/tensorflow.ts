/**
 * TensorFlow for tfjs: the shared library out of the pinned wheel, and tfjs-node-gpu's own binding compiled against it. The wheel is unpacked
 * outside `.venv/`, because without its dependencies it would be a TensorFlow that Python finds and cannot import.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from '../diagnostics/diagnostic.ts'
import { ensureBinding, hasBinding } from './binding.ts'
import { withLock } from './lock.ts'
import { faultOfOperations } from './native.ts'
import { placesOf, type Places, type TensorflowBuild } from './places.ts'
import type { SetupOptions } from './setup-options.ts'
import { chooseTensorflowBuild } from './tensorflow-build.ts'
import { findCompiler } from './tools.ts'
import { ensureVirtualEnvironment } from './virtual-environment.ts'
import { areUnpacked, librariesIn, unpackWheels, type Wheels } from './wheels.ts'

export interface Tensorflow {
  readonly build: TensorflowBuild
  readonly version: string
  /** Folders with shared libraries, TensorFlow's own first: the engine's LD_LIBRARY_PATH. */
  readonly libraryFolders: readonly string[]
}

/** Installs and compiles what is missing or half-done; otherwise some stat calls. */
export async function ensureTensorflow(options: SetupOptions): Promise<Outcome<Tensorflow>> {
  const places = placesOf(options.projectRoot)
  if (process.platform !== 'linux') return notOnThisPlatform()
  const unknown = faultOfOperations(options.environment)
  if (unknown) return { diagnostics: [unknown] }
  const build = chooseTensorflowBuild(options.environment)
  if (build.value === undefined) return { diagnostics: build.diagnostics }

  const ready = findTensorflow(places, build.value)
  if (ready) return { value: ready, diagnostics: [] }
  return withLock(places, 'tensorflow', options.report, () => install(places, build.value, options))
}

/** Null where the library or the binding is not whole. Starts nothing. */
export function findTensorflow(places: Places, build: TensorflowBuild): Tensorflow | null {
  return isInstalled(places, build) && hasBinding(places, pinnedTensorflow(places, build).requirements) ? describe(places, build) : null
}

/** True when the library of this build is whole, whatever the binding is. */
export function isInstalled(places: Places, build: TensorflowBuild): boolean {
  return areUnpacked({ folder: places.tensorflow(build), requirements: pinnedTensorflow(places, build).requirements })
}

async function install(places: Places, build: TensorflowBuild, options: SetupOptions): Promise<Outcome<Tensorflow>> {
  const compiler = findCompiler(options.environment)
  if (!isInstalled(places, build)) {
    const python = await ensureVirtualEnvironment(places, options)
    // Both of what the machine lacks at once; neither is downloaded for in vain.
    if (python.value === undefined || compiler.value === undefined) return { diagnostics: [...python.diagnostics, ...compiler.diagnostics] }
    const fault = await unpackWheels(wheelsOf(places, build), python.value, options)
    if (fault) return { diagnostics: [fault] }
  }
  const tensorflow = describe(places, build)
  if (hasBinding(places, pinnedTensorflow(places, build).requirements)) return { value: tensorflow, diagnostics: [] }
  if (compiler.value === undefined) return { diagnostics: compiler.diagnostics }
  const fault = await ensureBinding({
    places,
    compiler: compiler.value,
    requirements: pinnedTensorflow(places, build).requirements,
    libraryFolders: tensorflow.libraryFolders,
    setup: options,
  })
  return fault ? { diagnostics: [fault] } : { value: tensorflow, diagnostics: [] }
}

function wheelsOf(places: Places, build: TensorflowBuild): Wheels {
  const { version, requirements } = pinnedTensorflow(places, build)
  return {
    part: 'tensorflow',
    words: `TensorFlow ${version}, ${build === 'cuda' ? 'the CUDA build with its libraries (about 3 GB)' : 'the CPU build'}`,
    requirementsFile: requirementsFile(places, build),
    requirements,
    folder: places.tensorflow(build),
    // The libraries that are linked or loaded, and one header for all.
    filesToStamp: (wheel) => ['tensorflow/include/tensorflow/c/c_api.h', ...librariesIn(libraryFoldersOf(wheel), wheel)],
  }
}

function libraryFoldersOf(wheel: string): string[] {
  const nvidia = join(wheel, 'nvidia')
  const cuda = existsSync(nvidia) ? readdirSync(nvidia).map((name) => join(nvidia, name, 'lib')) : []
  return [join(wheel, 'tensorflow'), ...cuda.filter((folder) => existsSync(folder)).sort()]
}

function describe(places: Places, build: TensorflowBuild): Tensorflow {
  return { build, version: pinnedTensorflow(places, build).version, libraryFolders: libraryFoldersOf(places.tensorflow(build)) }
}

/** The pins as they stand in requirements/, and the version among them. */
export function pinnedTensorflow(places: Places, build: TensorflowBuild): { requirements: string; version: string } {
  const requirements = readFileSync(requirementsFile(places, build), 'utf8')
  const pin = /^tensorflow(?:-cpu)?==(\S+)$/m.exec(requirements)
  if (!pin?.[1]) throw new Error('Internal error: the requirements pin no TensorFlow')
  return { requirements, version: pin[1] }
}

function requirementsFile(places: Places, build: TensorflowBuild): string {
  return places.requirements(build === 'cuda' ? 'tensorflow-cuda' : 'tensorflow-cpu')
}

function notOnThisPlatform(): Outcome<never> {
  return {
    diagnostics: [
      {
        code: 'platform-unsupported',
        severity: 'error',
        message: `training needs Linux: TensorFlow's library is set up there only, and this is ${process.platform}.`,
        hint: 'Use a Linux container, or WSL 2 on Windows; check, plan and split work here.',
      },
    ],
  }
}
