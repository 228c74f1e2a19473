/** Runs steps as one TensorFlow graph: every step at every batch size is a set of nodes over the same variables, in one session. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memory, type Variable } from '@tensorflow/tfjs-core'
import { attribute, attributeKinds, dtypes, type Attribute, type DType } from '../kernels/attributes.ts'
import { tensorflow, type TensorMetadata } from '../kernels/tensorflow.ts'
import { extrapolate, largerBatch, smallBatch } from './extrapolate.ts'
import { handleName, tableHandle, type Graph, type Node, type Operation } from './nodes.ts'
import { encodeSavedModel } from './saved-model.ts'
import { settled } from './eager-program.ts'
import type { Feed, Feeds, Fetched, Program, ProgramSource, StepFunction } from './step-function.ts'
import { traceStep } from './trace.ts'

/** One call of the session: what is fed and fetched, in order. */
export interface Call {
  readonly feeds: readonly { readonly name: string; readonly node: string; readonly dtype: DType; readonly shape: readonly number[] }[]
  readonly fetches: Readonly<Record<string, string>>
}

const rowsName = 'table/rows'

/** Traces and loads; takes well under three seconds for CancerNet at any batch size. The source's variables are read once. */
export function compileProgram(source: ProgramSource): Program {
  const { nodes, calls } = traceProgram(source)
  const session = load(nodes)
  const program = new GraphProgram(source, session, calls)
  program.assign(new Map([...source.variables].map(([name, variable]) => [name, variable.dataSync<'float32'>()])))
  return program
}

/** Every node of the one graph, and its calls by name. */
export function traceProgram(source: ProgramSource): { readonly nodes: readonly Node[]; readonly calls: ReadonlyMap<string, Call> } {
  const nodes: Node[] = [...variableNodes(source)]
  const calls = new Map<string, Call>()
  for (const step of source.steps) {
    for (const [batch, graph] of graphsOf(source, step)) {
      nodes.push(...graph.nodes)
      calls.set(callName(step.name, batch), callOf(step, batch, graph))
    }
  }
  return { nodes, calls }
}

/** The graph of each batch size a step is asked for, by extrapolation from two small traces. */
export function graphsOf(source: ProgramSource, step: StepFunction): Map<number, Graph> {
  const from = `${step.name}/traced`
  const small = traceStep(source, step, smallBatch, from)
  const larger = traceStep(source, step, largerBatch, from)
  return new Map(
    step.batchSizes.map((batch) => [batch, extrapolate(small, larger, batch, { from, to: callName(step.name, batch) })] as const),
  )
}

function callName(step: string, batch: number): string {
  return `${step}${batch}`
}

function callOf(step: StepFunction, batch: number, graph: Graph): Call {
  const feeds = step.arguments
    .map(({ name, dtype, shape }) => ({ name, node: `${callName(step.name, batch)}/${name}`, dtype, shape: shape(batch) }))
    .filter(({ node }) => graph.nodes.some((candidate) => candidate.name === node))
  return { feeds, fetches: graph.outputs }
}

/** Handles, and the calls that read and assign variables and fill the table. */
function variableNodes(source: ProgramSource): Operation[] {
  const float = attribute.type('dtype', 'float32')
  const nodes: Operation[] = [...source.variables.values()].flatMap((variable, index) => {
    const handle = handleName(index)
    return [
      handleNode(handle, 'float32', variable.shape),
      operation(`read/v${index}`, 'ReadVariableOp', [float], [handle]),
      operation(`value/v${index}`, 'Placeholder', [float], []),
      operation(`assign/v${index}`, 'AssignVariableOp', [float], [handle, `value/v${index}`]),
      operation(`assigned/v${index}`, 'Identity', [attribute.type('T', 'float32')], [`value/v${index}`, `^assign/v${index}`]),
    ]
  })
  return source.table ? [...nodes, ...tableNodes(source.table.dtype, source.table.shape)] : nodes
}

/**
 * The table is allocated by Fill and written by chunks. Its dimensions are fed: constant ones would let TensorFlow share the buffer with
 * a constant and copy the whole table at the first access.
 */
function tableNodes(dtype: DType, shape: readonly number[]): Operation[] {
  const type = attribute.type('dtype', dtype)
  const index = attribute.type('dtype', 'int32')
  return [
    handleNode(tableHandle, dtype, shape),
    operation('table/dimensions', 'Placeholder', [index], []),
    operation('table/zero', 'Placeholder', [type], []),
    operation(
      'table/fill',
      'Fill',
      [attribute.type('T', dtype), attribute.type('index_type', 'int32')],
      ['table/dimensions', 'table/zero'],
    ),
    operation('table/assign', 'AssignVariableOp', [type], [tableHandle, 'table/fill']),
    operation('table/allocated', 'Identity', [attribute.type('T', dtype)], ['table/zero', '^table/assign']),
    operation('table/indices', 'Placeholder', [index], []),
    operation(rowsName, 'Placeholder', [type], []),
    operation(
      'table/scatter',
      'ResourceScatterUpdate',
      [type, attribute.type('Tindices', 'int32')],
      [tableHandle, 'table/indices', rowsName],
    ),
    operation('table/written', 'Identity', [attribute.type('T', 'int32')], ['table/indices', '^table/scatter']),
  ]
}

function operation(name: string, op: string, attributes: readonly Attribute[], inputs: readonly string[]): Operation {
  return { kind: 'operation', name, op, attributes, inputs }
}

function handleNode(name: string, dtype: DType, shape: readonly number[]): Operation {
  const attributes = [
    attribute.type('dtype', dtype),
    { name: 'shape', type: attributeKinds.shape, value: shape },
    attribute.string('shared_name', name),
    attribute.string('container', ''),
  ]
  return operation(name, 'VarHandleOp', attributes, [])
}

/** tfjs caches sessions by folder, so every graph has a folder of its own, which may go as soon as it is loaded. */
function load(nodes: readonly Node[]): number {
  const folder = mkdtempSync(join(tmpdir(), 'runner-graph-'))
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'saved_model.pb'), encodeSavedModel(nodes))
    return tensorflow().binding.loadSavedModel(folder, 'serve')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

class GraphProgram implements Program {
  readonly stepsPerCall = 1
  readonly #names: readonly string[]
  readonly #shapes: readonly (readonly number[])[]
  readonly #table: ProgramSource['table']
  readonly #session: number
  readonly #calls: ReadonlyMap<string, Call>
  #isTableAllocated = false

  constructor(source: ProgramSource, session: number, calls: ReadonlyMap<string, Call>) {
    this.#names = [...source.variables.keys()]
    this.#shapes = [...source.variables.values()].map((variable: Variable) => variable.shape)
    this.#table = source.table
    this.#session = session
    this.#calls = calls
  }

  run(step: string, batch: number, feeds: Feeds): Promise<Record<string, Fetched>> {
    return settled(() => this.#run(step, batch, feeds))
  }

  runEach(step: string, batch: number, feeds: readonly Feeds[]): Promise<void> {
    return settled(() => feeds.forEach((one) => this.#run(step, batch, one)))
  }

  #run(step: string, batch: number, feeds: Feeds): Record<string, Fetched> {
    const call = this.#calls.get(callName(step, batch))
    if (!call) throw new Error(`Internal error: ${step} was not compiled for batches of ${batch}`)
    const fed = call.feeds.map(({ name, node, dtype, shape }) => {
      const values = feeds[name]
      const size = shape.reduce((a, b) => a * b, 1)
      if (values?.length !== size) throw new Error(`Internal error: ${step} wants ${size} numbers of ${name}, not ${values?.length ?? 0}`)
      return { node, dtype, shape, values }
    })
    const names = Object.keys(call.fetches)
    const fetched = this.#call(fed, Object.values(call.fetches))
    return Object.fromEntries(names.map((name, index) => [name, fetched[index] ?? new Float32Array()]))
  }

  read(): Promise<Map<string, Float32Array>> {
    return settled(() => {
      const fetched = this.#call(
        [],
        this.#names.map((_, index) => `read/v${index}`),
      )
      return new Map(this.#names.map((name, index) => [name, fetched[index] as Float32Array]))
    })
  }

  assign(values: ReadonlyMap<string, Float32Array>): void {
    const indices = this.#names.flatMap((name, index) => (values.has(name) ? [index] : []))
    const fed = indices.map((index) => ({
      node: `value/v${index}`,
      dtype: 'float32' as const,
      shape: this.#shapes[index] ?? [],
      values: values.get(this.#names[index] ?? '') ?? new Float32Array(),
    }))
    this.#call(
      fed,
      indices.map((index) => `assigned/v${index}`),
    )
  }

  fillTable(first: number, rows: Uint8Array): void {
    if (!this.#table) throw new Error('Internal error: the program has no table')
    const { dtype, shape } = this.#table
    if (!this.#isTableAllocated) {
      const dimensions = { node: 'table/dimensions', dtype: 'int32' as const, shape: [shape.length], values: Int32Array.from(shape) }
      this.#call([dimensions, { node: 'table/zero', dtype, shape: [], values: Uint8Array.of(0) }], ['table/allocated'])
      this.#isTableAllocated = true
    }
    const rowSize = shape.slice(1).reduce((a, b) => a * b, 1)
    const count = rows.length / rowSize
    const indices = Int32Array.from({ length: count }, (_, index) => first + index)
    this.#call(
      [
        { node: 'table/indices', dtype: 'int32', shape: [count], values: indices },
        { node: rowsName, dtype, shape: [count, ...shape.slice(1)], values: rows },
      ],
      ['table/written'],
    )
  }

  countTensors(): number {
    return memory().numTensors
  }

  dispose(): void {
    tensorflow().binding.deleteSavedModel(this.#session)
  }

  /** One session call. tfjs's own `predict` would copy uint8 inputs twice, so tensors go to the binding directly. */
  #call(
    feeds: readonly { readonly node: string; readonly dtype: DType; readonly shape: readonly number[]; readonly values: Feed }[],
    fetches: readonly string[],
  ): Fetched[] {
    if (fetches.length === 0) return []
    const { binding } = tensorflow()
    const inputs = feeds.map(({ dtype, shape, values }) => binding.createTensor(shape, dtypes[dtype], values))
    let outputs: TensorMetadata[] = []
    try {
      outputs = binding.runSavedModel(
        this.#session,
        inputs,
        feeds.map(({ node }) => `${node}:0`).join(','),
        fetches.map((node) => `${node}:0`).join(','),
      )
      return outputs.map(({ id, dtype }) => (dtype === dtypes.uint8 ? new Uint8Array() : binding.tensorDataSync(id)))
    } finally {
      for (const id of inputs) binding.deleteTensor(id)
      for (const { id } of outputs) binding.deleteTensor(id)
    }
  }
}
