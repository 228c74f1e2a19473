/** Our addon between Node and PJRT (native/pjrt.cc), compiled apart from TensorFlow's binding: it needs TensorFlow's copy of PJRT's header only. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Diagnostic, Outcome } from '../diagnostics/diagnostic.ts'
import { lastLines, runProgram } from './child-process.ts'
import type { Places } from './places.ts'
import type { SetupOptions } from './setup-options.ts'
import { agreesWithStamp, writeStamp } from './stamp.ts'
import { ensureTensorflow, isInstalled } from './tensorflow.ts'
import { findCompiler } from './tools.ts'

const fileName = 'pjrt.node'
const stampName = 'pjrt.json'
/** With GCC's own libraries inside, so that the file also runs where those are older; only Node's entry points are seen from outside. */
const flags = [
  ...['-std=c++17', '-O2', '-fPIC', '-shared', '-fvisibility=hidden', '-DNAPI_VERSION=8'],
  ...['-static-libstdc++', '-static-libgcc', '-Wl,--exclude-libs,ALL'],
]

/** Its absolute path, or null where it is not there, or compiled from something else. Starts nothing. */
export function findAddon(places: Places): string | null {
  const isWhole = existsSync(headerOf(places)) && agreesWithStamp(join(places.pjrtAddonFolder, stampName), addonKey(places))
  return isWhole ? join(places.pjrtAddonFolder, fileName) : null
}

/** Compiles it beside, proves that it loads, and renames it into place. The caller holds the lock. */
export async function ensureAddon(places: Places, setup: SetupOptions): Promise<Outcome<string>> {
  // The header lies in TensorFlow's wheel.
  if (!isInstalled(places, 'cpu')) {
    const tensorflow = await ensureTensorflow(setup)
    if (tensorflow.value === undefined) return { diagnostics: tensorflow.diagnostics }
  }
  const ready = findAddon(places)
  if (ready !== null) return { value: ready, diagnostics: [] }
  const compiler = findCompiler(setup.environment)
  if (compiler.value === undefined) return { diagnostics: compiler.diagnostics }

  setup.report({ part: 'pjrt', state: 'started', text: 'compiling the addon between Node and PJRT' })
  const target = join(places.pjrtAddonFolder, fileName)
  const partial = `${target}.partial-${process.pid}`
  mkdirSync(places.pjrtAddonFolder, { recursive: true })
  try {
    const args = [...flags, `-I${places.nodeApiHeaders}`, `-I${includeFolder(places)}`, places.pjrtSource, '-o', partial]
    const compiled = await runProgram(compiler.value, args, setup)
    if (compiled.exitCode !== 0) return { diagnostics: [cannotCompile(compiler.value, compiled.output)] }
    const load = `process.dlopen({ exports: {} }, ${JSON.stringify(partial)})`
    const loaded = await runProgram(process.execPath, ['-e', load], setup)
    if (loaded.exitCode !== 0) return { diagnostics: [cannotLoad(loaded.output)] }
    renameSync(partial, target)
    writeStamp(join(places.pjrtAddonFolder, stampName), addonKey(places), [fileName])
  } finally {
    rmSync(partial, { force: true })
  }
  setup.report({ part: 'pjrt', state: 'done', text: 'addon between Node and PJRT' })
  return { value: target, diagnostics: [] }
}

function includeFolder(places: Places): string {
  return join(places.tensorflow('cpu'), 'tensorflow/include')
}

function headerOf(places: Places): string {
  return join(includeFolder(places), 'xla/pjrt/c/pjrt_c_api.h')
}

/** Everything that makes one compiled file differ from another. */
function addonKey(places: Places): string {
  const hash = createHash('sha256').update([process.arch, ...flags].join(' '))
  for (const file of [places.pjrtSource, headerOf(places)]) hash.update(readFileSync(file))
  return hash.digest('hex')
}

function cannotCompile(compiler: string, output: string): Diagnostic {
  return {
    code: 'addon-compile-failed',
    severity: 'error',
    message: `${compiler} could not compile the addon between Node and PJRT:\n  ${lastLines(output)}\n `,
    hint: 'Use a compiler that knows C++17, such as g++ 9 or newer; the environment variable CXX names another one.',
  }
}

function cannotLoad(output: string): Diagnostic {
  return {
    code: 'addon-load-failed',
    severity: 'error',
    // Below it Node writes where it was in its own sources.
    message: `the compiled addon does not load:\n  ${/^Error: (.*)$/m.exec(output)?.[1] ?? lastLines(output)}\n `,
    hint: 'Remove the folder .setup/pjrt/ and start again; if it stays so, name another compiler with CXX.',
  }
}
