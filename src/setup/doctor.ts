/** What `runner doctor` shows: everything training needs from this machine, whether it is there, and the command that mends it. Changes nothing. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { hasBinding } from './binding.ts'
import { lastLines, runProgram } from './child-process.ts'
import { engineEnvironment } from './engine-environment.ts'
import { findMlflow } from './mlflow.ts'
import { listNvidiaCards } from './nvidia-cards.ts'
import { findAddon } from './pjrt-addon.ts'
import { choosePlugin, type PluginChoice } from './pjrt-plugin.ts'
import type { PluginAnswer } from './pjrt-probe.ts'
import { describePlugin, findPjrt, isPluginThere, type Pjrt } from './pjrt.ts'
import { placesOf, type Places, type TensorflowBuild } from './places.ts'
import type { SetupOptions } from './setup-options.ts'
import { chooseTensorflowBuild } from './tensorflow-build.ts'
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
const startAgain = 'Remove the folder .setup/ and start again.'
const withoutDevice = 'Look at nvidia-smi and at CUDA_VISIBLE_DEVICES; --set runtime.device=cpu trains on the CPU.'
/** A cold disk, 750 MB of library, and a card that has to wake up. */
const probeTimeoutMs = 120_000

export async function diagnoseMachine({ projectRoot, environment }: Omit<SetupOptions, 'report'>): Promise<readonly MachineFinding[]> {
  const places = placesOf(projectRoot)
  const build = chooseTensorflowBuild(environment)
  const tensorflow = build.value === undefined ? null : findTensorflow(places, build.value)
  const plugin = await choosePlugin(environment)
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
    ...(plugin.value === undefined ? [missing('plugin', plugin.diagnostics)] : findPluginParts(places, plugin.value, build.value)),
    ...(build.value === undefined ? [] : [await askTensorflow(plugin.value ? 'tracing' : 'device', tensorflow, environment)]),
    ...(plugin.value ? [await askPlugin(tensorflow, findPjrt(places, plugin.value), environment)] : []),
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
  const cards = await listNvidiaCards(environment)
  if (cards.length > 0) return ok('gpu', cards.map(({ name, driver }) => `${name}, driver ${driver}`).join('; '))
  return { part: 'gpu', state: 'none', found: 'no NVIDIA GPU answers (nvidia-smi)' }
}

function findPluginParts(places: Places, choice: PluginChoice | null, build: TensorflowBuild | undefined): MachineFinding[] {
  if (choice === null) {
    const found = build === 'cuda' ? "none: TensorFlow's CUDA build is to be used" : 'none: training runs on the CPU'
    return [{ part: 'plugin', state: 'none', found }]
  }
  const { name, version, plugin } = describePlugin(places, choice)
  const addon = findAddon(places)
  return [
    isPluginThere(places, choice)
      ? ok('plugin', `${name} ${version}, ${plugin}`)
      : pending('plugin', `${name} ${version}, is not there, or half-done`),
    addon === null ? pending('addon', 'not compiled, or from another source') : ok('addon', addon),
  ]
}

/** Loads TensorFlow in a child process, with the engine's environment, and reports the device that it would use. */
async function askTensorflow(part: string, tensorflow: Tensorflow | null, environment: NodeJS.ProcessEnv): Promise<MachineFinding> {
  if (!tensorflow) return pending(part, 'unknown before TensorFlow is there')
  const answer = await ask<{ version: string; usesGpu: boolean }>('probe', engineEnvironment({ environment, tensorflow, device: 'auto' }))
  if (typeof answer === 'string') return { part, state: 'missing', found: `TensorFlow does not load:\n  ${answer}`, wayOut: startAgain }
  return ok(part, `TensorFlow ${answer.version} loads and uses the ${answer.usesGpu ? 'GPU' : 'CPU'}`)
}

/** Makes the plugin's client in a child process, with the engine's environment, and reports what it says of its device. */
async function askPlugin(tensorflow: Tensorflow | null, pjrt: Pjrt | null, environment: NodeJS.ProcessEnv): Promise<MachineFinding> {
  const part = 'device'
  if (!tensorflow || !pjrt) return pending(part, 'unknown before the plugin and the addon are there')
  const answer = await ask<PluginAnswer>('pjrt-probe', engineEnvironment({ environment, tensorflow, pjrt, device: 'auto' }))
  if (typeof answer === 'string')
    return { part, state: 'missing', found: `the plugin finds no device:\n  ${answer}`, wayOut: withoutDevice }
  const { device, platform, api, limit } = answer
  const memory = limit === null ? '' : `, ${(limit / 2 ** 30).toFixed(1)} GiB for programs`
  return ok(part, `${device}${memory}; platform ${platform}, PJRT ${api}`)
}

/** What the probe says, as its last line of JSON; else the end of its output as text. */
async function ask<T extends object>(probe: string, environment: NodeJS.ProcessEnv): Promise<T | string> {
  const { exitCode, output } = await runProgram(process.execPath, [probePath(probe)], { environment, timeoutMs: probeTimeoutMs })
  const answer = /^\{".*\}$/m.exec(output)?.[0]
  return exitCode !== 0 || answer === undefined ? lastLines(output) : (JSON.parse(answer) as T)
}

/** The compiled probe; when the tests run from sources, the one that was built before them. */
function probePath(probe: string): string {
  const beside = fileURLToPath(new URL(`./${probe}.js`, import.meta.url))
  return existsSync(beside) ? beside : fileURLToPath(new URL(`../../dist/setup/${probe}.js`, import.meta.url))
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
