/**
 * tfjs-node-gpu's own, unmodified N-API binding, compiled against the library of TensorFlow's wheel together with our operations and put
 * where tfjs-node-gpu looks for it. One binding serves the CPU and the CUDA build: LD_LIBRARY_PATH chooses the library.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { lastLines, runProgram } from './child-process.ts'
import { compileNative, nativeSources } from './native.ts'
import type { Places } from './places.ts'
import type { SetupOptions } from './setup-options.ts'
import { agreesWithStamp, writeStamp } from './stamp.ts'

export interface BindingOptions {
  readonly places: Places
  /** Absolute path of a C++17 compiler that takes GCC's options. */
  readonly compiler: string
  /** The pins of the TensorFlow that it is compiled against. */
  readonly requirements: string
  /** TensorFlow's own folder first: `include/` and the two libraries lie there. */
  readonly libraryFolders: readonly string[]
  readonly setup: SetupOptions
}

const fileName = 'tfjs_binding.node'
const stampName = 'tfjs_binding.json'
/** The newest N-API of tfjs-node-gpu 4.22; every Node from 20 has it, so that one binding serves them all. */
const napiVersion = 8
const flags = ['-std=c++17', '-O2', '-fPIC', '-shared', '-pthread', `-DNAPI_VERSION=${napiVersion}`]
const libraries = ['-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2']

export function hasBinding(places: Places, requirements: string): boolean {
  return agreesWithStamp(join(places.bindingFolder, stampName), bindingKey(places, requirements))
}

/** Compiles it beside, proves that it loads, and renames it into place. Returns null, or what the compiler or the loader said. */
export async function ensureBinding({ places, compiler, requirements, libraryFolders, setup }: BindingOptions): Promise<Diagnostic | null> {
  setup.report({ part: 'binding', state: 'started', text: 'compiling the binding between Node and TensorFlow' })
  const target = join(places.bindingFolder, fileName)
  const partial = `${target}.partial-${process.pid}`
  const objectsFolder = `${partial}.objects`
  mkdirSync(places.bindingFolder, { recursive: true })
  try {
    mkdirSync(objectsFolder)
    const library = libraryFolders[0] ?? ''
    const { environment: own } = setup
    const objects = await compileNative(places, { compiler, include: join(library, 'include'), into: objectsFolder, environment: own })
    if ('exitCode' in objects) return cannotCompile(compiler, objects.output)
    const compiled = await runProgram(compiler, compilerArguments(places, library, objects, partial), setup)
    if (compiled.exitCode !== 0) return cannotCompile(compiler, compiled.output)
    const environment = { ...setup.environment, LD_LIBRARY_PATH: libraryFolders.join(delimiter), TF_CPP_MIN_LOG_LEVEL: '3' }
    const load = `process.dlopen({ exports: {} }, ${JSON.stringify(partial)})`
    const loaded = await runProgram(process.execPath, ['-e', load], { environment })
    if (loaded.exitCode !== 0) return cannotLoad(loaded.output)
    renameSync(partial, target)
    writeStamp(join(places.bindingFolder, stampName), bindingKey(places, requirements), [fileName])
  } finally {
    rmSync(partial, { force: true })
    rmSync(objectsFolder, { recursive: true, force: true })
  }
  setup.report({ part: 'binding', state: 'done', text: 'binding between Node and TensorFlow' })
  return null
}

function compilerArguments(places: Places, library: string, objects: readonly string[], output: string): string[] {
  const sources = readdirSync(places.bindingSources).filter((name) => name.endsWith('.cc'))
  return [
    ...flags,
    `-I${places.nodeApiHeaders}`,
    `-I${join(library, 'include')}`,
    ...sources.map((name) => join(places.bindingSources, name)),
    ...objects,
    `-L${library}`,
    ...libraries,
    ...runPaths(places).map((path) => `-Wl,-rpath,${path}`),
    '-o',
    output,
  ]
}

/** Where the libraries are found by a process without LD_LIBRARY_PATH. */
function runPaths(places: Places): string[] {
  return [join(places.tensorflow('cpu'), 'tensorflow'), join(places.tensorflow('cuda'), 'tensorflow')]
}

/** Everything that makes one compiled file differ from another; the build's flavour does not, its version does. */
function bindingKey(places: Places, requirements: string): string {
  const version = /^tensorflow(?:-cpu)?==\S+$/m.exec(requirements)?.[0].replace('-cpu', '') ?? ''
  const hash = createHash('sha256').update([version, process.arch, ...flags, ...runPaths(places)].join(' '))
  for (const name of readdirSync(places.bindingSources).sort()) hash.update(readFileSync(join(places.bindingSources, name)))
  for (const part of nativeSources(places)) hash.update(part)
  return hash.digest('hex')
}

function cannotCompile(compiler: string, output: string): Diagnostic {
  return {
    code: 'binding-compile-failed',
    severity: 'error',
    message: `${compiler} could not compile the binding between Node and TensorFlow:\n  ${lastLines(output)}\n `,
    hint: 'Use a compiler that knows C++17, such as g++ 9 or newer; the environment variable CXX names another one.',
  }
}

function cannotLoad(output: string): Diagnostic {
  return {
    code: 'binding-load-failed',
    severity: 'error',
    message: `the compiled binding does not load:\n  ${lastLines(output)}\n `,
    hint: 'Remove the folder .setup/ and start again; if it stays so, this machine may be older than TensorFlow 2.21 allows (glibc 2.27).',
  }
}
