/**
 * A traced step as one StableHLO module: feeds, variables and the table come in, what is fetched and the changed variables go out, in the places
 * of those that came in. With `repeats`, so many steps as one loop on the device, each with feeds of its own.
 */
import { dtypes, type DType } from '../kernels/attributes.ts'
import { handleName, tableHandle, type Graph, type Operation } from '../graph/nodes.ts'
import { Builder, sizeOf, tensorType, typeOf, type ElementType, type Precision, type Shape, type Value } from './builder.ts'
import { Attributes, elementType, numberOf } from './lowering.ts'
import { loweringOf } from './lowerings.ts'
import { isStoredShort, staysOfImages } from './stored.ts'

export interface Slot {
  readonly name: string
  readonly dtype: Exclude<DType, 'bool'>
  readonly shape: Shape
}

/** What a step is made of, apart from its operations. */
export interface StepInterface {
  /** `train32`: names of its nodes begin with it. */
  readonly prefix: string
  readonly batch: number
  /** Of one step. Those of images have a value, or a row, for each. */
  readonly feeds: readonly (Slot & { readonly isOfImages: boolean })[]
  /** Every variable of the program, in its order. */
  readonly variables: readonly { readonly name: string; readonly shape: Shape }[]
  readonly table: Slot | null
}

export interface LoweringOptions {
  readonly precision: Precision
  /** Steps in one call. */
  readonly repeats: number
}

/** A module and how it is called: operands are the feeds, then the variables it reads, then the table where it reads that. */
export interface LoweredStep {
  readonly text: string
  /** With `repeats` above 1, shapes begin with it. */
  readonly feeds: readonly Slot[]
  readonly repeats: number
  /** Places of the variables among the program's. */
  readonly reads: readonly number[]
  readonly hasTable: boolean
  /** Results: these, then the variables it changes. Of several steps, those of the last. */
  readonly fetches: readonly Slot[]
  readonly changes: readonly number[]
}

/** An operation that cannot be run on the device, with the layer in which it stands. */
export class LoweringError extends Error {
  constructor({ name, op }: Operation, cause: unknown) {
    const layer = name.split('/').slice(1, -1).join('/')
    const why = cause instanceof Error ? cause.message : String(cause)
    super(`Internal error: ${op}${layer === '' ? '' : ` of ${layer}`} cannot be compiled for the device: ${why}`, { cause })
    this.name = 'LoweringError'
  }
}

/** Throws `LoweringError`. */
export function lowerStep(graph: Graph, step: StepInterface, { precision, repeats }: LoweringOptions): LoweredStep {
  const b = new Builder(precision)
  const isLoop = repeats > 1
  const feeds = step.feeds.map(({ name, dtype, shape }): Slot => ({ name, dtype, shape: isLoop ? [repeats, ...shape] : shape }))
  const counter: Value = { id: '%step', shape: [], type: 'i32' }
  const fed = feeds.map((slot, index): Value => {
    const argument = argumentOf(`%feed${index}`, slot)
    return isLoop ? b.at(argument, counter) : argument
  })
  const table = step.table ? argumentOf('%table', step.table) : null
  const state = step.variables.map(({ shape }, index): Value => ({ id: `%state${index}`, shape, type: 'f32' }))
  const pass = new Pass(b, step, { precision, fed, state, table })
  const { outputs, changed } = pass.run(graph)

  const fetches = Object.keys(graph.outputs).map((name, index): Slot => ({ name, ...slotOf(outputs[index]) }))
  const changes = [...changed.keys()].sort((one, other) => one - other)
  const results = [...outputs, ...changes.map((index) => changed.get(index) ?? fail(index))]
  const reads = state.flatMap((_, index) => (pass.read.has(index) || (isLoop && changed.has(index)) ? [index] : []))
  const hasTable = pass.readsTable
  const call = { feeds, reads, hasTable, fetches, changes, repeats }
  return { ...call, text: isLoop ? loopText(b, call, { state, results, table }) : stepText(b, call, { state, results, table }) }
}

interface Body {
  readonly state: readonly Value[]
  readonly results: readonly Value[]
  readonly table: Value | null
}

/** The function's head: a variable that is changed gives its place to the result. */
function parameters({ feeds, reads, changes, fetches, hasTable }: Omit<LoweredStep, 'text'>, { state, table }: Body): string {
  const donated = (index: number): string => {
    const place = changes.indexOf(index)
    return place === -1 ? '' : ` {tf.aliasing_output = ${fetches.length + place} : i32}`
  }
  return [
    ...feeds.map((slot, index) => `%feed${index}: ${typeOf(argumentOf('', slot))}`),
    ...reads.map((index) => `%state${index}: ${typeOf(state[index] ?? fail(index))}${donated(index)}`),
    ...(hasTable && table ? [`%table: ${typeOf(table)}`] : []),
  ].join(', ')
}

function moduleText(head: string, results: readonly Value[], lines: readonly string[]): string {
  const types = results.map(typeOf).join(', ')
  const ending = `return ${results.map(({ id }) => id).join(', ')} : ${types}`
  const body = [...lines, ending].map((line) => `    ${line}\n`).join('')
  return `module @step {\n  func.func public @main(${head}) -> (${types}) {\n${body}  }\n}\n`
}

function stepText(b: Builder, call: Omit<LoweredStep, 'text'>, body: Body): string {
  return moduleText(parameters(call, body), body.results, b.lines)
}

/** One loop around the step's instructions; the loop carries what they change. */
function loopText(b: Builder, call: Omit<LoweredStep, 'text'>, body: Body): string {
  const { fetches, changes, repeats } = call
  const { state, results } = body
  const carried = changes.map((index) => state[index] ?? fail(index))
  const first = new Builder('float32')
  const zeros = fetches.map(({ dtype, shape }) => first.constant([0], shape, elementType(dtype)))
  // What the loop carries has names of its own outside of it.
  const outer = changes.map((index) => `%initial${index}`)
  const types = ['tensor<i32>', ...results.map(typeOf)].join(', ')
  const names = ['%step', ...fetches.map((_, index) => `%last${index}`), ...carried.map(({ id }) => id)]
  const initial = ['%zero', ...zeros.map(({ id }) => id.replace('%v', '%none')), ...outer]
  const lines = [
    '%zero = stablehlo.constant dense<0> : tensor<i32>',
    ...first.lines.map((line) => line.replace('%v', '%none')),
    `%end:${results.length + 1} = stablehlo.while(${names.map((name, index) => `${name} = ${initial[index] ?? ''}`).join(', ')}) : ${types}`,
    'cond {',
    `  %limit = stablehlo.constant dense<${repeats}> : tensor<i32>`,
    '  %more = stablehlo.compare LT, %step, %limit : (tensor<i32>, tensor<i32>) -> tensor<i1>',
    '  stablehlo.return %more : tensor<i1>',
    '} do {',
    ...b.lines.map((line) => `  ${line}`),
    '  %one = stablehlo.constant dense<1> : tensor<i32>',
    '  %next = stablehlo.add %step, %one : tensor<i32>',
    `  stablehlo.return ${['%next', ...results.map(({ id }) => id)].join(', ')} : ${types}`,
    '}',
  ]
  const head = changes.reduce((text, index) => text.replace(`%state${index}:`, `%initial${index}:`), parameters(call, body))
  const ends = results.map((value, index) => ({ ...value, id: `%end#${index + 1}` }))
  return moduleText(head, ends, lines)
}

/** One walk over a graph's nodes, in their order. */
class Pass {
  /** Places of the variables that are read. */
  readonly read = new Set<number>()
  readsTable = false
  readonly #b: Builder
  readonly #step: StepInterface
  readonly #precision: Precision
  readonly #table: Value | null
  readonly #fed: ReadonlyMap<string, Value>
  readonly #places: ReadonlyMap<string, number>
  readonly #state: readonly Value[]
  readonly #changed = new Map<number, Value>()
  /** Node -> its outputs. */
  readonly #values = new Map<string, readonly Value[]>()
  /** Outputs, `node:0`, that have a value for each image. */
  readonly #ofImages = new Set<string>()

  constructor(
    b: Builder,
    step: StepInterface,
    given: {
      readonly precision: Precision
      readonly fed: readonly Value[]
      readonly state: readonly Value[]
      readonly table: Value | null
    },
  ) {
    this.#b = b
    this.#step = step
    this.#precision = given.precision
    this.#table = given.table
    this.#state = given.state
    this.#fed = new Map(step.feeds.map(({ name }, index) => [`${step.prefix}/${name}`, given.fed[index] ?? fail(index)]))
    this.#places = new Map(step.variables.map((_, index) => [handleName(index), index]))
  }

  run(graph: Graph): { readonly outputs: readonly Value[]; readonly changed: ReadonlyMap<number, Value> } {
    for (const node of graph.nodes) {
      if (node.kind === 'constant') {
        // Operations take empty constants where they want nothing.
        const { values, shape, dtype } = node
        const value = sizeOf(shape) === 0 ? empty(shape, elementType(dtype)) : this.#b.constant(values, shape, elementType(dtype))
        this.#values.set(node.name, [{ ...value, constant: values }])
      } else {
        try {
          this.#lower(node)
        } catch (error) {
          throw new LoweringError(node, error)
        }
      }
    }
    return { outputs: Object.values(graph.outputs).map((node) => this.#exact(node)), changed: this.#changed }
  }

  #lower(node: Operation): void {
    const inputs = node.inputs.filter((input) => !input.startsWith('^'))
    switch (node.op) {
      case 'Placeholder':
        this.#give(node, [this.#fed.get(node.name) ?? this.#refuse('it is fed nothing')])
        break
      case 'ReadVariableOp':
        this.#give(node, [this.#variable(inputs[0])])
        break
      case 'AssignVariableOp':
        this.#change(inputs[0], this.#exact(inputs[1] ?? ''))
        break
      case 'ResourceGather':
        this.#give(node, [this.#gather(inputs)])
        break
      case 'ResourceApplyAdagradV2':
        this.#applyAdagrad(inputs)
        break
      default: {
        const lowering = loweringOf(node.op) ?? this.#refuse('it has no lowering')
        const outputs = lowering(this.#b, new Attributes(node.attributes), ...inputs.map((input) => this.#exact(input)))
        this.#give(node, 'id' in outputs ? [outputs] : outputs)
      }
    }
  }

  /** accumulator += g², w -= rate · g / sqrt(accumulator) (kernels/adagrad.ts). */
  #applyAdagrad(inputs: readonly string[]): void {
    const [weights, accumulator, rate = '', epsilon = '', gradient = ''] = inputs
    if (numberOf(this.#exact(epsilon)) !== 0) throw new Error('an epsilon behind the root')
    const [b, g] = [this.#b, this.#exact(gradient)]
    const sum = b.add(this.#variable(accumulator), b.multiply(g, g))
    this.#change(accumulator, sum)
    this.#change(weights, b.subtract(this.#variable(weights), b.multiply(b.multiply(this.#exact(rate), g), b.unary('rsqrt', sum))))
  }

  #gather([handle, rows = '']: readonly string[]): Value {
    if (handle !== tableHandle || !this.#table) throw new Error('a gather from something else than the images')
    this.readsTable = true
    return this.#b.gatherRows(this.#table, this.#exact(rows))
  }

  /** As it is when the step begins: a graph reads every variable before it assigns it. */
  #variable(handle: string | undefined): Value {
    const place = this.#placeOf(handle)
    this.read.add(place)
    return this.#state[place] ?? fail(place)
  }

  #change(handle: string | undefined, value: Value): void {
    const place = this.#placeOf(handle)
    if (typeOf(value) !== typeOf(this.#state[place] ?? fail(place))) throw new Error(`a variable is given ${typeOf(value)}`)
    this.#changed.set(place, value)
  }

  #placeOf(handle: string | undefined): number {
    return this.#places.get(handle ?? '') ?? this.#refuse('it uses an unknown variable')
  }

  /** An input by name, short floats made long again. */
  #exact(input: string): Value {
    const value = this.#stored(input) ?? this.#refuse(`${input} has no value`)
    return value.type === 'bf16' ? this.#b.convert(value, 'f32') : value
  }

  /** As it is kept; undefined for handles of variables and of the table. */
  #stored(input: string): Value | undefined {
    const [node = '', output = '0'] = input.split(':')
    return this.#values.get(node)?.[Number(output)]
  }

  #give(node: Operation, outputs: readonly Value[]): void {
    const inputs = node.inputs.filter((input) => !input.startsWith('^'))
    const isFedOfImages = this.#step.feeds.some(({ name, isOfImages }) => isOfImages && node.name === `${this.#step.prefix}/${name}`)
    const hasInputOfImages = inputs.some((input) => this.#ofImages.has(outputName(input)))
    const values = outputs.map((value, index): Value => {
      const isOfImages =
        isFedOfImages ||
        (hasInputOfImages &&
          staysOfImages(
            node,
            index,
            inputs.flatMap((input) => this.#stored(input) ?? []),
          ))
      if (!isOfImages) return value
      this.#ofImages.add(`${node.name}:${index}`)
      return this.#precision === 'bfloat16' && isStoredShort(value, this.#step.batch) ? this.#b.convert(value, 'bf16') : value
    })
    this.#values.set(node.name, values)
  }

  #refuse(why: string): never {
    throw new Error(why)
  }
}

/** `node:0` for `node`. */
function outputName(input: string): string {
  return input.includes(':') ? input : `${input}:0`
}

function empty(shape: Shape, type: ElementType): Value {
  return { id: '', shape, type }
}

function argumentOf(id: string, { dtype, shape }: Pick<Slot, 'dtype' | 'shape'>): Value {
  return { id, shape, type: elementType(dtype) }
}

function slotOf(value: Value | undefined): Omit<Slot, 'name'> {
  const dtype = (Object.keys(dtypes) as DType[]).find((candidate) => elementType(candidate) === value?.type)
  if (!value || !dtype || dtype === 'bool')
    throw new Error(`Internal error: ${value ? tensorType(value.shape, value.type) : 'nothing'} is fetched`)
  return { dtype, shape: value.shape }
}

function fail(index: number): never {
  throw new Error(`Internal error: no value number ${index}`)
}
