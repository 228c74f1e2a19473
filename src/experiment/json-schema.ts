/** The experiment's schema as plain JSON, and the questions that the loader asks of it. */
import { experimentSchema } from './schema/experiment-schema.ts'

/** As much of a JSON schema as ours uses. */
export interface JsonSchema {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null'
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema | readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
  /** Ours uses it for one thing: exactly one of these keys. */
  readonly oneOf?: readonly { readonly required: readonly string[] }[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly minItems?: number
  /** A scalar stands for the map with this one key; "" where only an empty value may stand for the empty map. */
  readonly 'x-short'?: string
  /** A word stands for the map with that one empty key. */
  readonly 'x-bare'?: boolean
}

/** JSON's own copy of what TypeBox made: the border where its types end. */
export const rootSchema = JSON.parse(JSON.stringify(experimentSchema)) as JsonSchema

/** The branches of a choice, or the schema itself. */
export function branchesOf(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf ?? [schema]
}

/** The branch that is a map. */
export function mapBranch(schema: JsonSchema | undefined): JsonSchema | undefined {
  return schema && branchesOf(schema).find(({ type }) => type === 'object')
}

/** The keys of which a map holds exactly one; none where the map is no such choice. */
export function tagsOf(schema: JsonSchema | undefined): readonly string[] {
  return mapBranch(schema)?.oneOf?.flatMap(({ required }) => required) ?? []
}

/** The schema of what stands under a key or an index. */
export function childSchema(schema: JsonSchema | undefined, part: string): JsonSchema | undefined {
  if (!schema) return undefined
  const map = mapBranch(schema)
  const own = map?.properties?.[part]
  if (own) return own
  if (map && typeof map.additionalProperties === 'object') return map.additionalProperties
  const items = branchesOf(schema).find(({ type }) => type === 'array')?.items
  if (!items) return undefined
  return Array.isArray(items) ? (items as readonly JsonSchema[])[Number(part)] : (items as JsonSchema)
}

export function schemaAt(path: readonly string[]): JsonSchema | undefined {
  return path.reduce<JsonSchema | undefined>(childSchema, rootSchema)
}

/** Whether a value is of the kind that a branch speaks of, be it right or wrong. */
export function isOfType({ type }: JsonSchema, value: unknown): boolean {
  if (type === undefined) return false
  switch (type) {
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'array':
      return Array.isArray(value)
    case 'null':
      return value === null
    case 'number':
    case 'integer':
      return typeof value === 'number'
    case 'string':
    case 'boolean':
      return typeof value === type
  }
}

/** What a schema allows, as an error says it: `a whole number from 1, or the word classes`. */
export function describeExpected(schema: JsonSchema): string {
  return [
    ...new Set(
      branchesOf(schema)
        .filter(({ type }) => type !== 'null')
        .map(describeBranch),
    ),
  ].join(', or ')
}

function describeBranch(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.length === 1 ? `the word ${String(schema.enum[0])}` : `one of ${schema.enum.join(', ')}`
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  const { type } = schema
  if (type === undefined) return 'nothing'
  switch (type) {
    case 'integer':
      return `a whole number${describeRange(schema)}`
    case 'number':
      return `a number${describeRange(schema)}`
    case 'string':
      return 'a text'
    case 'boolean':
      return 'true or false'
    case 'array':
      return describeList(schema)
    case 'object':
      return describeMap(schema)
    case 'null':
      return 'nothing'
  }
}

function describeRange({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const from = minimum === undefined ? (exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`) : ` from ${minimum}`
  const upTo = maximum === Number.MAX_SAFE_INTEGER ? '' : maximum === undefined ? '' : ` to ${maximum}`
  return `${from}${exclusiveMaximum === undefined ? upTo : ` and below ${exclusiveMaximum}`}`
}

function describeList({ items, minItems }: JsonSchema): string {
  if (Array.isArray(items)) return `a list of ${items.length}`
  return minItems === undefined || minItems < 2 ? 'a list' : `a list of ${minItems} or more`
}

function describeMap(schema: JsonSchema): string {
  const tags = tagsOf(schema)
  if (tags.length > 0) return `a map with one of ${tags.join(', ')}`
  const keys = Object.keys(schema.properties ?? {})
  return keys.length > 0 ? `a map of ${keys.join(', ')}` : 'a map'
}
