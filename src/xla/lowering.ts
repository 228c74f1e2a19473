/** What a lowering is: one of TensorFlow's operations written as StableHLO instructions. */
import { attributeKinds, dtypes, type Attribute, type DType } from '../kernels/attributes.ts'
import type { Builder, ElementType, Value } from './builder.ts'

/** An operation with one output gives a value, one with several gives them in TensorFlow's order; outputs that no step uses may be left out. */
export type Lowering = (b: Builder, attributes: Attributes, ...inputs: Value[]) => Value | readonly Value[]

const elementTypes: Readonly<Record<DType, ElementType>> = { float32: 'f32', int32: 'i32', uint8: 'ui8', bool: 'i1' }

export function elementType(dtype: DType): ElementType {
  return elementTypes[dtype]
}

/** An operation's attributes by name. Asking for one that is not there, or is of another kind, throws. */
export class Attributes {
  readonly #entries: readonly Attribute[]

  constructor(entries: readonly Attribute[]) {
    this.#entries = entries
  }

  number(name: string): number {
    return Number(this.#value(name))
  }

  flag(name: string): boolean {
    return this.#value(name) === true
  }

  word(name: string): string {
    return String(this.#value(name))
  }

  numbers(name: string): readonly number[] {
    const value = this.#value(name)
    if (typeof value !== 'object') throw new Error(`attribute ${name} is no list`)
    return value
  }

  type(name: string): ElementType {
    const entry = this.#entries.find((candidate) => candidate.name === name && candidate.type === attributeKinds.type)
    const dtype = (Object.keys(dtypes) as DType[]).find((candidate) => dtypes[candidate] === entry?.value)
    if (!dtype) throw new Error(`attribute ${name} is no type`)
    return elementType(dtype)
  }

  #value(name: string): Attribute['value'] {
    const entry = this.#entries.find((candidate) => candidate.name === name)
    if (!entry) throw new Error(`no attribute ${name}`)
    return entry.value
  }
}

/** The numbers of a constant input that says a shape, axes or positions, one for each of `count`. */
export function numbersOf(input: Value, count = input.shape[0] ?? 1): readonly number[] {
  const { constant } = input
  if (!constant) throw new Error('a shape, axes or positions that are no constants')
  return Array.from({ length: count }, (_, index) => constant[constant.length === 1 ? 0 : index] ?? 0)
}

export function numberOf(input: Value): number {
  const [value = NaN] = numbersOf(input, 1)
  return value
}
