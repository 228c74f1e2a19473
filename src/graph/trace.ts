/**
 * Records a step: its body runs once on the device at a tiny batch while an object in place of tfjs-node's binding writes down every
 * operation that the body asks for. The run itself does not count: variables have their values again afterwards.
 */
import * as tf from '@tensorflow/tfjs-core'
import { attribute, attributeKinds, dtypes, type Attribute, type DType } from '../kernels/attributes.ts'
import { tensorflow, uint8Tensor, withRecorder, type Binding, type Recorder, type TensorMetadata } from '../kernels/tensorflow.ts'
import { releaseGradients } from '../kernels/kept.ts'
import { handleName, tableHandle, type Constant, type Graph, type Node } from './nodes.ts'
import type { Argument, ProgramSource, StepFunction, Table } from './step-function.ts'

/** The body did something that a graph cannot hold: read a value back, drew unseeded numbers, used a tensor from outside. */
export class TraceError extends Error {
  constructor(step: string, scope: string, what: string) {
    super(`${step} cannot become a graph: ${scope === '' ? '' : `in ${scope}, `}${what}`)
    this.name = 'TraceError'
  }
}

/** Constants above this many unequal elements are data that was meant to be an argument, such as a mask drawn on the host. */
const largestConstant = 4096

/** Type attributes that eager execution infers and a graph must state: operation -> attribute -> index of the input that has the type. */
const inferredTypes: Readonly<Record<string, Readonly<Record<string, number>>>> = { ExpandDims: { T: 0, Tdim: 1 } }

/** Writes down the step at the given batch size. Nodes are named `<prefix>/…`. */
export function traceStep(source: ProgramSource, step: StepFunction, batch: number, prefix: string): Graph {
  const trace = new Trace(source, step.name, prefix)
  const saved = new Map([...source.variables].map(([name, variable]) => [name, tf.keep(tf.clone(variable))]))
  try {
    return trace.record(step, batch)
  } finally {
    for (const [name, variable] of source.variables) {
      const value = saved.get(name)
      if (value) variable.assign(value)
    }
    tf.dispose([...saved.values()])
    releaseGradients()
  }
}

class Trace implements Recorder {
  readonly #source: ProgramSource
  readonly #step: string
  readonly #prefix: string
  readonly #nodes: Node[] = []
  /** Tensor id -> `node` or `node:i`. */
  readonly #outputs = new Map<number, string>()
  /** Tensor id -> constant that becomes a node when first used. */
  readonly #constants = new Map<number, Omit<Constant, 'name' | 'kind' | 'ofBatch'>>()
  readonly #ofBatch = new Map<number, (batch: number) => number>()
  /** Tensor id of a variable's value at the start -> its place in the list of variables. */
  readonly #variables = new Map<number, { index: number; variable: tf.Variable }>()
  readonly #updates: string[] = []
  readonly #scopes: string[] = []
  #tableTensor: tf.Tensor | null = null
  #violation: TraceError | null = null
  readonly #real: Binding

  constructor(source: ProgramSource, step: string, prefix: string) {
    this.#source = source
    this.#step = step
    this.#prefix = prefix
    this.#real = tensorflow().binding
  }

  record(step: StepFunction, batch: number): Graph {
    const backend = tensorflow()
    const idOf = (tensor: tf.TensorInfo): number => backend.getInputTensorIds([tensor])[0] ?? -1
    const before = new Map<string, number>()
    for (const [index, [name, variable]] of [...this.#source.variables].entries()) {
      const id = idOf(variable)
      if (this.#variables.has(id)) throw new Error(`Internal error: variable ${name} shares its tensor with another`)
      this.#variables.set(id, { index, variable })
      before.set(name, id)
    }
    const registered = tf.engine().registeredVariables
    const known = new Set(Object.keys(registered))
    const random = Math.random
    const outputs = tf.tidy(() => {
      const inputs: Record<string, tf.Tensor> = {}
      for (const argument of step.arguments) inputs[argument.name] = this.#placeholder(argument, batch, idOf)
      const { table } = this.#source
      if (table) inputs[table.name] = this.#tableTensor = standIn(table)
      backend.binding = this.#interceptor()
      Math.random = () => this.#fail('unseeded random numbers would be drawn once and repeated for ever')
      try {
        const results = withRecorder(this, () => step.body(inputs))
        if (this.#violation) throw this.#violation
        const born = Object.keys(registered).find((name) => !known.has(name))
        if (born !== undefined) this.#fail(`variable ${born} is made inside the step; make it before`)
        const fetched = Object.entries(results).map(([name, tensor]) => [name, this.#input(idOf(tensor))] as const)
        const assigns = this.#assignments(before, idOf)
        return this.#finish(fetched, assigns)
      } finally {
        backend.binding = this.#real
        Math.random = random
      }
    })
    return { nodes: this.#nodes, outputs }
  }

  isResource(tensor: tf.TensorInfo): boolean {
    if (this.#tableTensor?.dataId === tensor.dataId) return true
    return this.#variables.has(tensorflow().getInputTensorIds([tensor])[0] ?? -1)
  }

  emit(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly tf.TensorInfo[],
    outputs: readonly { readonly shape: readonly number[]; readonly dtype: DType }[],
  ): tf.Tensor[] {
    const backend = tensorflow()
    const ids = backend.getInputTensorIds(inputs)
    const sources = inputs.map((input, index) => this.#handle(input) ?? this.#input(ids[index] ?? -1))
    const node = this.#add(name, attributes, sources)
    if (outputs.length === 0) this.#updates.push(node)
    return outputs.map(({ shape, dtype }, index) => {
      const id = this.#real.createTensor(shape, dtypes[dtype], zeros(dtype, shape))
      this.#outputs.set(id, index === 0 ? node : `${node}:${index}`)
      return backend.createOutputTensor({ id, shape: [...shape], dtype: dtypes[dtype] })
    })
  }

  enter(scope: string): void {
    this.#scopes.push(scope)
  }

  leave(): void {
    this.#scopes.pop()
  }

  dependsOnBatch(constant: tf.TensorInfo, value: (batch: number) => number): void {
    this.#ofBatch.set(tensorflow().getInputTensorIds([constant])[0] ?? -1, value)
  }

  /** The binding as kernels see it while tracing: runs everything for real at the tiny batch, and writes it down. */
  #interceptor(): Binding {
    const real = this.#real
    const overrides: Partial<Binding> = {
      createTensor: (shape, dtype, values) => {
        const id = real.createTensor(shape, dtype, values)
        this.#constants.set(id, { dtype: typeNamed(dtype), shape: [...shape], values: values.slice() })
        return id
      },
      deleteTensor: (id) => real.deleteTensor(id),
      executeOp: (name, attributes, inputs, count) => this.#execute(name, attributes, inputs, count),
      tensorDataSync: () => this.#fail('a value is read back; a graph runs to its end without the host'),
      runSavedModel: () => this.#fail('another graph is run inside the step'),
    }
    // The native object's own properties are read-only: shadow them instead of assigning.
    return Object.create(real, Object.getOwnPropertyDescriptors(overrides)) as Binding
  }

  #execute(name: string, attributes: readonly Attribute[], inputs: readonly number[], count: number): TensorMetadata[] {
    const sources = inputs.map((id) => this.#input(id))
    const outputs = this.#real.executeOp(name, attributes, inputs, count)
    const inferred = Object.entries(inferredTypes[name] ?? {})
      .filter(([key]) => !attributes.some((given) => given.name === key))
      .map(([key, index]) => attribute.type(key, this.#typeOf(inputs[index] ?? -1)))
    const node = this.#add(name, [...attributes, ...inferred], sources)
    for (const [index, { id }] of outputs.entries()) this.#outputs.set(id, index === 0 ? node : `${node}:${index}`)
    return outputs
  }

  /** tfjs's kernels of the listed operations take float32 data and int32 positions, nothing else. */
  #typeOf(id: number): DType {
    return this.#constants.get(id)?.dtype ?? 'float32'
  }

  /** Where a tensor comes from, as a node's input; constants and variables are written when first used. */
  #input(id: number): string {
    const known = this.#outputs.get(id)
    if (known !== undefined) return known
    const variable = this.#variables.get(id)
    if (variable) {
      const read = this.#add('ReadVariableOp', [attribute.type('dtype', 'float32')], [handleName(variable.index)])
      this.#outputs.set(id, read)
      return read
    }
    const constant = this.#constants.get(id)
    if (!constant) return this.#fail('a tensor from outside the step is used; make it an argument or a variable')
    const values = constant.values.every((value) => value === constant.values[0]) ? constant.values.slice(0, 1) : constant.values
    if (values.length > largestConstant) this.#fail(`${values.length} numbers from the host would be frozen into the graph`)
    const name = this.#name('Const')
    this.#nodes.push({ kind: 'constant', name, ...constant, values, ofBatch: this.#ofBatch.get(id) ?? null })
    this.#outputs.set(id, name)
    return name
  }

  #handle(tensor: tf.TensorInfo): string | null {
    if (this.#tableTensor?.dataId === tensor.dataId) return tableHandle
    const variable = this.#variables.get(tensorflow().getInputTensorIds([tensor])[0] ?? -1)
    // A variable is passed as itself; a tensor that merely has its value is read.
    return variable && tensor === (variable.variable as tf.TensorInfo) ? handleName(variable.index) : null
  }

  #placeholder(argument: Argument, batch: number, idOf: (tensor: tf.TensorInfo) => number): tf.Tensor {
    const shape = [...argument.shape(batch)]
    const values = zeros(argument.dtype, shape)
    const tensor = argument.dtype === 'uint8' ? uint8Tensor(values as Uint8Array, shape) : tf.tensor(values, shape, argument.dtype)
    const name = `${this.#prefix}/${argument.name}`
    this.#nodes.push({ kind: 'operation', name, op: 'Placeholder', attributes: [attribute.type('dtype', argument.dtype)], inputs: [] })
    this.#outputs.set(idOf(tensor), name)
    return tensor
  }

  /** A variable whose tensor changed was assigned; the assignment waits for the read of the old value. */
  #assignments(before: ReadonlyMap<string, number>, idOf: (tensor: tf.TensorInfo) => number): string[] {
    const assigns: string[] = []
    for (const [index, [name, variable]] of [...this.#source.variables].entries()) {
      const was = before.get(name) ?? -1
      const id = idOf(variable)
      if (id === was) continue
      const read = this.#outputs.get(was)
      const order = read === undefined ? [] : [`^${read}`]
      const inputs = [handleName(index), this.#input(id), ...order]
      assigns.push(this.#add('AssignVariableOp', [attribute.type('dtype', 'float32')], inputs))
    }
    return assigns
  }

  /** Only fetched nodes run, so every output waits for every update. */
  #finish(fetched: readonly (readonly [string, string])[], assigns: readonly string[]): Record<string, string> {
    const order = [...this.#updates, ...assigns].map((node) => `^${node}`)
    const outputs: Record<string, string> = {}
    for (const [name, from] of fetched) {
      const node = this.#nodes.find((candidate) => candidate.name === from.split(':')[0])
      outputs[name] = this.#add('Identity', [attribute.type('T', outputType(node))], [from, ...order])
    }
    return outputs
  }

  #add(op: string, attributes: readonly Attribute[], inputs: readonly string[]): string {
    const name = this.#name(op)
    this.#nodes.push({ kind: 'operation', name, op, attributes, inputs })
    return name
  }

  #name(op: string): string {
    const scope = this.#scopes.map((part) => part.replace(/[^A-Za-z0-9_.-]/g, '_'))
    return [this.#prefix, ...scope, `${op}_${this.#nodes.length}`].join('/')
  }

  /** Thrown at once, and again when the body returns, in case something in between swallowed it. */
  #fail(what: string): never {
    this.#violation ??= new TraceError(this.#step, this.#scopes.join('/'), what)
    throw this.#violation
  }
}

function outputType(node: Node | undefined): DType {
  if (!node) return 'float32'
  if (node.kind === 'constant') return node.dtype
  const type = ['DstT', 'output_type', 'dtype', 'T'].flatMap((name) => node.attributes.filter((entry) => entry.name === name))[0]
  return type?.type === attributeKinds.type ? typeNamed(Number(type.value)) : 'float32'
}

function typeNamed(number: number): DType {
  const entry = Object.entries(dtypes).find(([, value]) => value === number)
  if (!entry) throw new Error(`Internal error: TensorFlow's type ${number} in a step`)
  return entry[0] as DType
}

function zeros(dtype: DType, shape: readonly number[]): Float32Array | Int32Array | Uint8Array {
  const size = shape.reduce((a, b) => a * b, 1)
  if (dtype === 'float32') return new Float32Array(size)
  return dtype === 'int32' ? new Int32Array(size) : new Uint8Array(size)
}

/** One row in place of all of them: what is gathered while tracing is never looked at. */
function standIn(table: Table): tf.Tensor {
  const shape = [1, ...table.shape.slice(1)]
  return uint8Tensor(new Uint8Array(shape.reduce((a, b) => a * b, 1)), shape)
}
