/**
 * A device behind a PJRT plugin, through our own addon (native/pjrt.cc): compiles StableHLO, holds values on the device, runs programs over
 * them. What waits for the compiler or the device is a promise, and Node's thread stays free meanwhile.
 */
import { createRequire } from 'node:module'

/** Values that travel: float32, int32, uint8 (and what compiled programs give back, such as booleans as bytes). */
export type HostArray = Float32Array | Int32Array | Uint8Array

/** What the plugin is told when its client is made; whole numbers travel as int64, others as float. The plugin knows the names. */
export interface PluginOptions {
  readonly [name: string]: string | number | boolean
}

export interface PjrtClient {
  /** Version of the C interface that the plugin speaks: `0.115`. */
  readonly api: string
  /** `cuda`, `cpu`, `rocm`. */
  readonly platform: string
  readonly platformVersion: string
  /** The kind of the first device that can be used: `NVIDIA H100 80GB HBM3`. */
  readonly device: string
  /** StableHLO's text, and a serialised CompileOptionsProto. Rejects with the compiler's words. */
  compile(text: string, options: Uint8Array): Promise<PjrtExecutable>
  /** What `serialize` gave, on an equal plugin and device. */
  load(serialized: Uint8Array): Promise<PjrtExecutable>
  /** Copied before it returns; the kind of array says the dtype. Throws where the shape does not hold as many values. */
  upload(values: HostArray, shape: readonly number[]): PjrtBuffer
  /** Bytes; null where the device does not say. */
  memory(): DeviceMemory | null
  /** Programs and buffers that are still there keep the device until they are disposed of. */
  close(): void
}

export interface DeviceMemory {
  readonly inUse: number
  readonly peak: number | null
  readonly limit: number | null
}

/** Bytes of a program. `aliased` are those of `outputs` that lie in memory of `arguments`. */
export interface ProgramMemory {
  readonly arguments: number
  readonly outputs: number
  readonly aliased: number
  readonly temporaries: number
  readonly code: number
}

export interface PjrtExecutable {
  /** How many buffers an execution gives. */
  readonly outputs: number
  serialize(): Uint8Array
  /** Null where the plugin does not say. */
  memory(): ProgramMemory | null
  /**
   * Enqueues, and does not wait. Inputs that the program aliases to outputs are given away: all that may be done with them is to dispose of
   * them. An execution that fails later makes the reading of its outputs fail.
   */
  execute(inputs: readonly PjrtBuffer[]): PjrtBuffer[]
  dispose(): void
}

export interface PjrtBuffer {
  /**
   * Fills the array, row by row, with the values as they are after everything enqueued so far. Its length in bytes has to be the buffer's, and
   * its memory may not be handed to another thread meanwhile.
   */
  read<T extends HostArray>(into: T): Promise<T>
  dispose(): void
}

/** A fault in the plugin's words, or the addon's. */
export class PjrtError extends Error {
  /** PJRT's status: `RESOURCE_EXHAUSTED`, `INVALID_ARGUMENT`, `INTERNAL`, … */
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = 'PjrtError'
    this.code = code
  }
}

/** Loads the plugin and makes a client on its first device. `addon` is the absolute path of pjrt.node. Rejects with `PjrtError`. */
export async function openPjrt(addon: string, plugin: string, options: PluginOptions = {}): Promise<PjrtClient> {
  const native = loadAddon(addon)
  return new Client(native, await settled(native.open(plugin, options)))
}

/** An external of the addon. */
type Handle = object

interface NativeProgram {
  readonly handle: Handle
  readonly outputs: number
}

interface NativeClient {
  readonly handle: Handle
  readonly api: string
  readonly platform: string
  readonly platformVersion: string
  readonly device: string
}

interface Native {
  open(plugin: string, options: PluginOptions): Promise<NativeClient>
  compile(client: Handle, text: string, options: Uint8Array): Promise<NativeProgram>
  load(client: Handle, serialized: Uint8Array): Promise<NativeProgram>
  upload(client: Handle, values: HostArray, shape: readonly number[]): Handle
  memory(client: Handle): DeviceMemory | null
  serialize(program: Handle): Uint8Array
  programMemory(program: Handle): ProgramMemory | null
  execute(program: Handle, inputs: readonly Handle[]): Handle[]
  read(buffer: Handle, into: HostArray): Promise<void>
  dispose(handle: Handle): void
}

class Client implements PjrtClient {
  readonly api: string
  readonly platform: string
  readonly platformVersion: string
  readonly device: string
  readonly #native: Native
  readonly #handle: Handle

  constructor(native: Native, { handle, api, platform, platformVersion, device }: NativeClient) {
    this.#native = native
    this.#handle = handle
    this.api = api
    this.platform = platform
    this.platformVersion = platformVersion
    this.device = device
  }

  async compile(text: string, options: Uint8Array): Promise<PjrtExecutable> {
    return new Executable(this.#native, await settled(this.#native.compile(this.#handle, text, options)))
  }

  async load(serialized: Uint8Array): Promise<PjrtExecutable> {
    return new Executable(this.#native, await settled(this.#native.load(this.#handle, serialized)))
  }

  upload(values: HostArray, shape: readonly number[]): PjrtBuffer {
    return new DeviceBuffer(
      this.#native,
      called(() => this.#native.upload(this.#handle, values, shape)),
    )
  }

  memory(): DeviceMemory | null {
    return called(() => this.#native.memory(this.#handle))
  }

  close(): void {
    this.#native.dispose(this.#handle)
  }
}

class Executable implements PjrtExecutable {
  readonly outputs: number
  readonly #native: Native
  readonly #handle: Handle

  constructor(native: Native, { handle, outputs }: NativeProgram) {
    this.#native = native
    this.#handle = handle
    this.outputs = outputs
  }

  serialize(): Uint8Array {
    return called(() => this.#native.serialize(this.#handle))
  }

  memory(): ProgramMemory | null {
    return called(() => this.#native.programMemory(this.#handle))
  }

  execute(inputs: readonly PjrtBuffer[]): PjrtBuffer[] {
    const handles = called(() => this.#native.execute(this.#handle, inputs.map(handleOf)))
    return handles.map((handle) => new DeviceBuffer(this.#native, handle))
  }

  dispose(): void {
    this.#native.dispose(this.#handle)
  }
}

class DeviceBuffer implements PjrtBuffer {
  readonly handle: Handle
  readonly #native: Native

  constructor(native: Native, handle: Handle) {
    this.#native = native
    this.handle = handle
  }

  async read<T extends HostArray>(into: T): Promise<T> {
    await settled(called(() => this.#native.read(this.handle, into)))
    return into
  }

  dispose(): void {
    this.#native.dispose(this.handle)
  }
}

function handleOf(buffer: PjrtBuffer): Handle {
  if (buffer instanceof DeviceBuffer) return buffer.handle
  throw new TypeError('Internal error: a program runs over buffers of a PJRT client only')
}

function loadAddon(path: string): Native {
  try {
    return createRequire(import.meta.url)(path) as Native
  } catch (error) {
    throw new PjrtError('NOT_FOUND', error instanceof Error ? error.message : String(error))
  }
}

function called<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw asPjrtError(error)
  }
}

async function settled<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise
  } catch (error) {
    throw asPjrtError(error)
  }
}

/** The addon's errors carry the status as their code. */
function asPjrtError(error: unknown): unknown {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? new PjrtError(error.code, error.message) : error
}
