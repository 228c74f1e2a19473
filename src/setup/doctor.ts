/** What `runner doctor` shows: everything training needs from this machine, whether it is there, and the command that mends it. Changes nothing. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { hasBinding } from './binding.ts'
import { lastLines, runProgram } from './child-process.ts'
import { engineEnvironment } from './engine-environment.ts'
import { findMlflow } from './mlflow.ts'
import { placesOf, type Places, type TensorflowBuild } from './places.ts'
import type { SetupOptions } from './setup-options.ts'
import { chooseTensorflowBuild, listNvidiaGpus } from './tensorflow-build.ts'
import { findTensorflow, isInstalled, pinnedTensorflow, type Tensorflow } from './tensorflow.ts'
import { findCompiler, findPython } from './tools.ts'
import { hasVirtualEnvironment } from './virtual-environment.ts'

export interface MachineFinding {
  readonly part: string
  /** `pending` is set up by runner itself when first needed; `none` is nothing that must be there. */
  readonly state: 'ok' | 'missing' | 'pending' | 'none'
  readonly found: string
  /** What mends it; absent where there is nothing to mend. */
  readonly wayOut?: string
}

const setUpNow = 'runner sets it up when first needed; to do it now: ./runner experiments/smoke.yaml'
/** A cold disk and 750 MB of library. */
const probeTimeoutMs = 120_000

export async function diagnoseMachine({ projectRoot, environment }: Omit<SetupOptions, 'report'>): Promise<readonly MachineFinding[]> {
  const places = placesOf(projectRoot)
  const build = await chooseTensorflowBuild(environment, (candidate) => isInstalled(places, candidate))
  const python = await findPython(environment)
  const compiler = findCompiler(environment)
  return [
    { part: 'node', state: 'ok', found: process.version },
    python.value ? ok('python', `${python.value.version}, ${python.value.path}`) : missing('python', python.diagnostics),
    compiler.value === undefined ? missing('c++ compiler', compiler.diagnostics) : ok('c++ compiler', compiler.value),
    hasVirtualEnvironment(places)
      ? ok('virtual environment', places.virtualEnvironment)
      : pending('virtual environment', 'not there, or half-done'),
    ...(build.value === undefined ? [missing('tensorflow', build.diagnostics)] : findTensorflowParts(places, build.value)),
    findMlflowPart(places),
    await findGpu(environment),
    ...(build.value === undefined ? [] : [await askTensorflow(findTensorflow(places, build.value), environment)]),
  ]
}

function findTensorflowParts(places: Places, build: TensorflowBuild): MachineFinding[] {
  const { version, requirements } = pinnedTensorflow(places, build)
  const words = `${version}, the ${build === 'cuda' ? 'CUDA' : 'CPU'} build`
  return [
    isInstalled(places, build) ? ok('tensorflow', words) : pending('tensorflow', `${words}, is not there, or half-done`),
    hasBinding(places, requirements) ? ok('binding', places.bindingFolder) : pending('binding', 'not compiled, or for another TensorFlow'),
  ]
}

function findMlflowPart(places: Places): MachineFinding {
  const mlflow = findMlflow(places)
  return mlflow ? ok('mlflow', mlflow.version) : pending('mlflow', 'not there, or half-done')
}

async function findGpu(environment: NodeJS.ProcessEnv): Promise<MachineFinding> {
  const gpus = await listNvidiaGpus(environment)
  if (gpus.length > 0) return ok('gpu', gpus.join(', '))
  return { part: 'gpu', state: 'none', found: 'no NVIDIA GPU answers (nvidia-smi); training runs on the CPU' }
}

/** Loads TensorFlow in a child process, with the engine's environment, and reports the device that it would use. */
async function askTensorflow(tensorflow: Tensorflow | null, environment: NodeJS.ProcessEnv): Promise<MachineFinding> {
  const part = 'device'
  if (!tensorflow) return pending(part, 'unknown before TensorFlow is there')
  const options = { environment: engineEnvironment({ environment, tensorflow, device: 'auto' }), timeoutMs: probeTimeoutMs }
  const { exitCode, output } = await runProgram(process.execPath, [probePath()], options)
  const answer = /^\{"version".*\}$/m.exec(output)?.[0]
  if (exitCode !== 0 || answer === undefined)
    return {
      part,
      state: 'missing',
      found: `TensorFlow does not load:\n  ${lastLines(output)}`,
      wayOut: 'Remove the folder .setup/ and start again.',
    }
  const { version, usesGpu } = JSON.parse(answer) as { version: string; usesGpu: boolean }
  return ok(part, `TensorFlow ${version} loads and uses the ${usesGpu ? 'GPU' : 'CPU'}`)
}

/** The compiled probe; when the tests run from sources, the one that was built before them. */
function probePath(): string {
  const beside = fileURLToPath(new URL('./probe.js', import.meta.url))
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/setup/probe.js', import.meta.url))
}

function ok(part: string, found: string): MachineFinding {
  return { part, state: 'ok', found }
}

function pending(part: string, found: string): MachineFinding {
  return { part, state: 'pending', found, wayOut: setUpNow }
}

function missing(part: string, diagnostics: readonly Diagnostic[]): MachineFinding {
  const [fault] = diagnostics
  return { part, state: 'missing', found: fault?.message ?? '', ...(fault?.hint === undefined ? {} : { wayOut: fault.hint }) }
}
