/**
 * Programs of a device behind a PJRT plugin. What is traced and lowered is kept beside what is compiled of it, so that TensorFlow, which
 * traces, is loaded for new programs only.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Program, ProgramSource } from '../graph/step-function.ts'
import { flagsFor } from '../xla/compile-options.ts'
import { loadProgram, type LoweredProgram } from '../xla/device-program.ts'
import { executablesIn, type ExecutableFolder } from '../xla/executables.ts'
import { keptName, readKept, writeKept } from '../xla/kept-file.ts'
import type { PjrtClient } from '../xla/pjrt.ts'
import { loadTensorflow } from './load-tensorflow.ts'
import type { LowerOptions } from './lower-program.ts'
import type { PredictionGraph, Programs, TrainingOptions } from './programs.ts'
import type { GraphJob, Precision } from './protocol.ts'

export interface DeviceOptions {
  readonly client: PjrtClient
  /** What tells this plugin and driver from others of the same name. */
  readonly identity: readonly string[]
  /** Absolute folder that all runs share. */
  readonly programs: string
  /** Where the plugin finds its compiler's files, or null. */
  readonly compilerData: string | null
}

/** Half of a card is for images at most: activations want the rest. */
const imageShare = 0.5

export function devicePrograms({ client, identity, programs: folder, compilerData }: DeviceOptions): Programs {
  const shared = { path: join(folder, 'executables'), isWritten: true }
  const load = (lowered: LoweredProgram, precision: Precision, own: ExecutableFolder, onCompiled?: () => void): Promise<Program> => {
    const options = { identity, flags: flagsFor(precision), compilerData, folders: [own, shared] }
    return loadProgram(client, lowered, executablesIn(client, onCompiled ? { ...options, onCompiled } : options))
  }
  return {
    preparing: `compiling the training for ${client.device}`,
    memory: () => client.memory()?.limit ?? null,
    imageBudget: (wished) => Math.min(wished, (client.memory()?.limit ?? Infinity) * imageShare),
    training: async (graph, { precision, executables, onCompiled }: TrainingOptions) => {
      const lowered = await loweredTraining(folder, graph, precision, client.platform)
      return load(lowered, precision, { path: executables, isWritten: true }, onCompiled)
    },
    // What a finished run keeps is its training's.
    predicting: async (graph, { precision, executables }) =>
      load(await loweredPrediction(folder, graph, precision), precision, { path: executables, isWritten: false }),
  }
}

/** A training's program for devices of that platform, from the folder, or traced with TensorFlow and kept there. */
export function loweredTraining(folder: string, graph: GraphJob, precision: Precision, platform: string): Promise<LoweredProgram> {
  const stepsPerCall = stepsOfCall(graph, platform)
  return keptProgram(folder, { graph, stepsPerCall, precision }, () =>
    traced({ precision, stepsPerCall }, async () => (await import('./graph-source.ts')).graphSource(graph).source),
  )
}

/** Likewise of a prediction, for any platform. */
export function loweredPrediction(folder: string, graph: PredictionGraph, precision: Precision): Promise<LoweredProgram> {
  return keptProgram(folder, { prediction: graph, precision }, () =>
    traced({ precision, stepsPerCall: 1 }, async () => (await import('./graph-source.ts')).predictionSource(graph)),
  )
}

async function traced(options: LowerOptions, source: () => Promise<ProgramSource>): Promise<LoweredProgram> {
  // The operations of native/ are for the CPU, and no device knows them.
  process.env['RUNNER_OPERATIONS'] = 'tensorflow'
  await loadTensorflow()
  const { lowerProgram } = await import('./lower-program.ts')
  const { dispose } = await import('@tensorflow/tfjs-core')
  const made = await source()
  try {
    return lowerProgram(made, options)
  } finally {
    dispose([...made.variables.values()])
  }
}

async function keptProgram(folder: string, key: object, make: () => Promise<LoweredProgram>): Promise<LoweredProgram> {
  const path = join(folder, 'lowered', keptName([codeDigest(), JSON.stringify(key)]))
  const known = await readKept(path)
  if (known) return JSON.parse(known.toString('utf8')) as LoweredProgram
  const program = await make()
  // Where it cannot be written it is traced again the next time.
  await writeKept(path, Buffer.from(JSON.stringify(program))).catch(() => undefined)
  return program
}

/** Folders of src/ whose code decides what a program is. */
const rooms = ['engine', 'graph', 'kernels', 'layers', 'network', 'random', 'xla']
let digest: string | null = null

/** Of the code that traces and lowers, and of tfjs, whose gradients are traced: after a change of it nothing that was kept is used. */
function codeDigest(): string {
  if (digest !== null) return digest
  const { version } = createRequire(import.meta.url)('@tensorflow/tfjs-core/package.json') as { readonly version: string }
  const hash = createHash('sha256').update(version)
  for (const room of rooms) {
    const folder = fileURLToPath(new URL(`../${room}/`, import.meta.url))
    const files = readdirSync(folder).filter((name) => /(?<!\.d)\.[jt]s$/.test(name))
    for (const name of files.sort()) hash.update(name).update(readFileSync(join(folder, name)))
  }
  digest = hash.digest('hex')
  return digest
}

/** A call is shorter than this, so that progress and Ctrl-C are not kept waiting. */
const secondsOfCall = 0.1
const mostSteps = 16
/** Multiply-adds a second, cautiously: of a card, and of anything else. */
const pace = { card: 1e12, other: 1e10 } as const

/** Decided by the plan and not by a clock: calls of other lengths may give other last bits. A power of two. */
export function stepsOfCall({ network, batchSizes: [batch = 1] }: Pick<GraphJob, 'network' | 'batchSizes'>, platform: string): number {
  const forward = network.layers.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0)
  // Forward, and back by inputs and by weights.
  const seconds = (3 * forward * batch) / (platform === 'cpu' ? pace.other : pace.card)
  return 2 ** Math.floor(Math.log2(Math.min(mostSteps, Math.max(1, secondsOfCall / seconds))))
}
