/**
 * Runs steps as programs of a device: variables, optimizer slots and images stay there, what a step changes takes the place of what it read,
 * and the host only hands in row numbers, keys and rates.
 */
import type { Feed, Feeds, Fetched, Program } from '../graph/step-function.ts'
import { sizeOf, type Shape } from './builder.ts'
import type { Executables } from './executables.ts'
import type { LoweredStep, Slot } from './lower-step.ts'
import type { PjrtBuffer, PjrtClient, PjrtExecutable } from './pjrt.ts'

/** Everything that a device runs for a training or a prediction, as plain data. */
export interface LoweredProgram {
  readonly variables: readonly { readonly name: string; readonly shape: Shape }[]
  readonly table: Slot | null
  /** By `callName`. */
  readonly steps: Readonly<Record<string, LoweredStep>>
  readonly stepsPerCall: number
}

/** `train32`, and `train32x16` of a call of 16. */
export function callName(step: string, batch: number, repeats = 1): string {
  return repeats === 1 ? `${step}${batch}` : `${step}${batch}x${repeats}`
}

/** Compiles every step, several at a time. Rejects with `PjrtError`. */
export async function loadProgram(client: PjrtClient, program: LoweredProgram, executables: Executables): Promise<Program> {
  const names = Object.keys(program.steps)
  const compiled = await Promise.all(Object.values(program.steps).map(({ text }) => executables.get(text)))
  const calls = Object.values(program.steps).map((step, index): Call => ({ step, executable: compiled[index] ?? fail(names[index]) }))
  return new DeviceProgram(client, program, new Map(calls.map((call, index) => [names[index] ?? '', call])))
}

interface Call {
  readonly step: LoweredStep
  readonly executable: PjrtExecutable
}

/** Calls that may be under way: the host prepares one while the device runs another. */
const callsAhead = 2

class DeviceProgram implements Program {
  readonly stepsPerCall: number
  readonly #client: PjrtClient
  readonly #program: LoweredProgram
  readonly #calls: ReadonlyMap<string, Call>
  readonly #state: PjrtBuffer[]
  /** On the host until a step asks for it. */
  #rows: Uint8Array | null
  #table: PjrtBuffer | null = null
  /** The ends of calls that have not been waited for. */
  readonly #underWay: Promise<void>[] = []

  constructor(client: PjrtClient, program: LoweredProgram, calls: ReadonlyMap<string, Call>) {
    this.stepsPerCall = program.stepsPerCall
    this.#client = client
    this.#program = program
    this.#calls = calls
    this.#state = program.variables.map(({ shape }) => client.upload(new Float32Array(sizeOf(shape)), shape))
    this.#rows = program.table ? new Uint8Array(sizeOf(program.table.shape)) : null
  }

  async run(step: string, batch: number, feeds: Feeds): Promise<Record<string, Fetched>> {
    const call = this.#call(callName(step, batch))
    const outputs = this.#execute(call, [feeds])
    try {
      const fetched = await Promise.all(call.step.fetches.map((slot, index) => (outputs[index] ?? fail(slot.name)).read(arrayFor(slot))))
      return Object.fromEntries(call.step.fetches.map(({ name }, index) => [name, fetched[index] ?? fail(name)]))
    } finally {
      for (const output of outputs) output.dispose()
    }
  }

  async runEach(step: string, batch: number, feeds: readonly Feeds[]): Promise<void> {
    const together = feeds.length > 1 ? this.#calls.get(callName(step, batch, feeds.length)) : undefined
    if (together) return this.#enqueue(together, feeds)
    const call = this.#call(callName(step, batch))
    for (const one of feeds) await this.#enqueue(call, [one])
  }

  async read(): Promise<Map<string, Float32Array>> {
    const { variables } = this.#program
    const values = await Promise.all(variables.map(({ shape }, index) => this.#variable(index).read(new Float32Array(sizeOf(shape)))))
    return new Map(variables.map(({ name }, index) => [name, values[index] ?? fail(name)]))
  }

  assign(values: ReadonlyMap<string, Float32Array>): void {
    for (const [index, { name, shape }] of this.#program.variables.entries()) {
      const value = values.get(name)
      if (value) this.#replace(index, this.#client.upload(value, shape))
    }
  }

  fillTable(first: number, rows: Uint8Array): void {
    const { table } = this.#program
    if (!table || !this.#rows) throw new Error('Internal error: the program has no table that can be filled')
    this.#rows.set(rows, first * sizeOf(table.shape.slice(1)))
  }

  countTensors(): number {
    return this.#state.length + (this.#table ? 1 : 0)
  }

  dispose(): void {
    for (const buffer of this.#state) buffer.dispose()
    this.#table?.dispose()
    for (const { executable } of this.#calls.values()) executable.dispose()
  }

  /** Waits for the call before the last, so that the host is never far ahead, and what failed is told soon. */
  async #enqueue(call: Call, feeds: readonly Feeds[]): Promise<void> {
    while (this.#underWay.length >= callsAhead) await this.#underWay.shift()
    const [first, ...others] = this.#execute(call, feeds)
    const [slot] = call.step.fetches
    for (const other of others) other.dispose()
    if (!first || !slot) return
    const end = first
      .read(arrayFor(slot))
      .then(() => undefined)
      .finally(() => first.dispose())
    // It fails where it is waited for, which may be after Node would have called it unhandled.
    end.catch(() => undefined)
    this.#underWay.push(end)
  }

  /** What is fetched; changed variables are put in place. */
  #execute({ step, executable }: Call, feeds: readonly Feeds[]): readonly PjrtBuffer[] {
    const fed = step.feeds.map((slot) => this.#client.upload(together(slot, feeds), slot.shape))
    const state = step.reads.map((index) => this.#variable(index))
    const results = executable.execute([...fed, ...state, ...(step.hasTable ? [this.#resident()] : [])])
    for (const buffer of fed) buffer.dispose()
    for (const [place, index] of step.changes.entries()) this.#replace(index, results[step.fetches.length + place] ?? fail(index))
    return results.slice(0, step.fetches.length)
  }

  #resident(): PjrtBuffer {
    const { table } = this.#program
    if (table && this.#rows) {
      this.#table = this.#client.upload(this.#rows, table.shape)
      this.#rows = null
    }
    return this.#table ?? fail('table')
  }

  #variable(index: number): PjrtBuffer {
    return this.#state[index] ?? fail(index)
  }

  #replace(index: number, buffer: PjrtBuffer): void {
    this.#variable(index).dispose()
    this.#state[index] = buffer
  }

  #call(name: string): Call {
    return this.#calls.get(name) ?? fail(name)
  }
}

/** The values of a slot for one step, or for several behind each other. */
function together({ name, dtype, shape }: Slot, feeds: readonly Feeds[]): Feed {
  const size = sizeOf(shape) / feeds.length
  const parts = feeds.map((feed) => feed[name] ?? fail(name))
  const wrong = parts.find(({ length }) => length !== size)
  if (wrong) throw new Error(`Internal error: ${size} numbers of ${name} are wanted for a step, not ${wrong.length}`)
  const [only] = parts
  if (parts.length === 1 && only) return only
  const all = arrayFor({ dtype, shape })
  for (const [index, part] of parts.entries()) all.set(part, index * size)
  return all
}

function arrayFor({ dtype, shape }: Pick<Slot, 'dtype' | 'shape'>): Float32Array | Int32Array | Uint8Array {
  const size = sizeOf(shape)
  if (dtype === 'float32') return new Float32Array(size)
  return dtype === 'int32' ? new Int32Array(size) : new Uint8Array(size)
}

function fail(what: string | number | undefined): never {
  throw new Error(`Internal error: the device's program has no ${what ?? 'step'}`)
}
