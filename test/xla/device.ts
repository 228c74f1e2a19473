/** The device that tests compute on: XLA's CPU client behind a real plugin, and the same steps by TensorFlow's operations beside it. */
import { lowerProgram } from '../../src/engine/lower-program.ts'
import type { Program, ProgramSource } from '../../src/graph/step-function.ts'
import type { Precision } from '../../src/xla/builder.ts'
import { flagsFor } from '../../src/xla/compile-options.ts'
import { loadProgram } from '../../src/xla/device-program.ts'
import { executablesIn } from '../../src/xla/executables.ts'
import type { PjrtClient } from '../../src/xla/pjrt.ts'
import { openCpu } from './plugin.ts'

let client: Promise<PjrtClient> | null = null

/** One client a process: a plugin is loaded once. */
function cpuDevice(): Promise<PjrtClient> {
  client ??= openCpu()
  return client
}

export interface DeviceOptions {
  readonly precision?: Precision
  readonly stepsPerCall?: number
}

/** The source's variables begin as they are in TensorFlow. */
export async function onDevice(source: ProgramSource, { precision = 'float32', stepsPerCall = 1 }: DeviceOptions = {}): Promise<Program> {
  const device = await cpuDevice()
  const lowered = lowerProgram(source, { precision, stepsPerCall })
  const executables = executablesIn(device, { identity: [], flags: flagsFor(precision), compilerData: null, folders: [] })
  const program = await loadProgram(device, lowered, executables)
  program.assign(new Map([...source.variables].map(([name, variable]) => [name, variable.dataSync<'float32'>()])))
  return program
}
