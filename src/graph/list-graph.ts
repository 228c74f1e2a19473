/** Graphs for people: a numbered list of operations, and DOT for Graphviz. Constants stand where they are used. */
import { attributeKinds, dtypes, type Attribute } from '../kernels/attributes.ts'
import { handleName, tableHandle, type Constant, type Graph, type Node, type Operation } from './nodes.ts'
import type { ProgramSource } from './step-function.ts'

/** Names to read in place of the handles of variables: handle -> name. */
export type HandleNames = ReadonlyMap<string, string>

export function handleNames({ variables, table }: ProgramSource): HandleNames {
  const names = new Map([...variables.keys()].map((name, index) => [handleName(index), name]))
  return table ? names.set(tableHandle, table.name) : names
}

/**
 * One line an operation: its number, what it does, its inputs, its options. `%7` is the output of operation 7 and `%7:1` its second;
 * `after %7` waits without taking a value. Operations of a layer stand under the layer's name.
 */
export function listGraph(graph: Graph, handles: HandleNames = new Map()): string {
  const { operations, constants, numbers } = indexOf(graph)
  const lines = [`${operations.length} operations, ${constants.size} constants`]
  const width = Math.max(...operations.map(({ op }) => op.length))
  let scope: string | null = null
  for (const [index, operation] of operations.entries()) {
    const own = scopeOf(operation)
    if (own !== scope) lines.push('', own === '' ? '(step)' : own)
    scope = own
    const written = writeInputs(operation, (input) => writeInput(input, numbers, constants, handles))
    const parts = [operation.op === 'Placeholder' ? lastPart(operation.name) : written, ...operation.attributes.flatMap(writeOption)]
    lines.push(`${`%${index}`.padStart(6)}  ${operation.op.padEnd(width)}  ${parts.filter((part) => part !== '').join('  ')}`)
  }
  const outputs = Object.entries(graph.outputs).map(([name, node]) => `${name} = %${numbers.get(node) ?? '?'}`)
  return `${[...lines, '', `fetched: ${outputs.join(', ')}`].join('\n')}\n`
}

/** A box for each operation, a frame around each layer, dashed lines for what only waits. */
export function dotGraph(graph: Graph, handles: HandleNames = new Map()): string {
  const { operations, constants, numbers } = indexOf(graph)
  const used = new Set(operations.flatMap(({ inputs }) => inputs).filter((input) => handles.has(input)))
  const scopes = [...new Set(operations.map(scopeOf))]
  const lines = ['digraph step {', '  node [shape=box, fontname="sans-serif"]']
  for (const [index, scope] of scopes.entries()) {
    const boxes = operations.flatMap((operation) => (scopeOf(operation) === scope ? [`n${numbers.get(operation.name) ?? ''}`] : []))
    if (scope !== '') lines.push(`  subgraph cluster${index} { label=${quote(scope)}; ${boxes.join('; ')} }`)
  }
  for (const handle of used) lines.push(`  ${quote(handle)} [label=${quote(handles.get(handle) ?? handle)}, shape=cylinder]`)
  for (const [index, { name, op, inputs }] of operations.entries()) {
    const held = inputs.flatMap((input) => [constants.get(input)].flatMap((constant) => (constant ? [writeConstant(constant)] : [])))
    lines.push(`  n${index} [label=${quote([op === 'Placeholder' ? lastPart(name) : op, ...held].join('\n'))}]`)
    for (const input of inputs) {
      const from = numbers.get(nodeOf(input))
      if (from !== undefined) lines.push(`  n${from} -> n${index}${input.startsWith('^') ? ' [style=dashed]' : ''}`)
      else if (handles.has(input)) lines.push(`  ${quote(input)} -> n${index}`)
    }
  }
  return `${[...lines, '}'].join('\n')}\n`
}

interface Indexed {
  readonly operations: readonly Operation[]
  readonly constants: ReadonlyMap<string, Constant>
  /** Name of an operation -> its place among the operations. */
  readonly numbers: ReadonlyMap<string, number>
}

function indexOf({ nodes }: Graph): Indexed {
  const operations = nodes.filter((node) => node.kind === 'operation')
  const constants = nodes.filter((node) => node.kind === 'constant')
  return {
    operations,
    constants: new Map(constants.map((constant) => [constant.name, constant])),
    numbers: new Map(operations.map(({ name }, index) => [name, index])),
  }
}

/** Names are `<step>/<layer …>/<operation>`. */
function scopeOf({ name }: Node): string {
  return name.split('/').slice(1, -1).join('/')
}

function lastPart(name: string): string {
  return name.split('/').at(-1) ?? name
}

/** `^node` and `node:1` without their marks. */
function nodeOf(input: string): string {
  return input.replace(/^\^/, '').replace(/:\d+$/, '')
}

function writeInputs({ inputs }: Operation, write: (input: string) => string): string {
  const values = inputs.filter((input) => !input.startsWith('^')).map(write)
  const order = inputs.filter((input) => input.startsWith('^')).map(write)
  return [...values, ...(order.length > 0 ? [`after ${order.join(' ')}`] : [])].join(', ')
}

function writeInput(input: string, numbers: Indexed['numbers'], constants: Indexed['constants'], handles: HandleNames): string {
  const node = nodeOf(input)
  const number = numbers.get(node)
  if (number !== undefined) return `%${number}${/:\d+$/.exec(input)?.[0] ?? ''}`
  const constant = constants.get(node)
  return constant ? writeConstant(constant) : (handles.get(node) ?? node)
}

const longestList = 8

/** `0.5`, `[2, 3]`, or `1 in [32, 24, 24, 32]` where one value fills a tensor. */
function writeConstant({ shape, values }: Constant): string {
  const written = [...values.subarray(0, longestList)].map((value) => `${Number(value.toPrecision(6))}`)
  if (shape.length === 0) return written.join()
  const size = shape.reduce((a, b) => a * b, 1)
  if (values.length === 1 && size > longestList) return `${written.join()} in [${shape.join(', ')}]`
  const listed = values.length === 1 ? new Array<string>(size).fill(written.join()) : written
  return `[${listed.join(', ')}${values.length > longestList ? ', …' : ''}]`
}

/** What tells one operation from another of its kind: neither types, which follow from the inputs, nor what is off. */
function writeOption({ name, type, value }: Attribute): string[] {
  if (type === attributeKinds.type) return name === 'DstT' || name === 'type' ? [`to ${typeNamed(value)}`] : []
  if (value === false || name === 'data_format') return []
  return [`${name}=${Array.isArray(value) ? `[${value.join(', ')}]` : String(value)}`]
}

function typeNamed(value: Attribute['value']): string {
  return Object.entries(dtypes).find(([, number]) => number === value)?.[0] ?? String(value)
}

function quote(text: string): string {
  return JSON.stringify(text)
}
