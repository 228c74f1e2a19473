/** A value that the schema accepts, with every short form written out and every default in place. */
import { branchesOf, isOfType, mapBranch } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

export function fillDefaults(schema: JsonSchema, value: unknown): unknown {
  const long = writeOut(schema, value)
  const branch = branchesOf(schema).find((candidate) => isOfType(candidate, long))
  if (!branch) return long
  if (Array.isArray(long)) {
    const { items } = branch
    if (items === undefined || Array.isArray(items)) return long
    return long.map((item) => fillDefaults(items as JsonSchema, item))
  }
  return isRecord(long) ? fillMap(branch, long) : long
}

function fillMap({ properties = {} }: JsonSchema, map: Readonly<Record<string, unknown>>): unknown {
  const filled: Record<string, unknown> = { ...map }
  for (const [key, schema] of Object.entries(properties)) {
    if (key in map) filled[key] = fillDefaults(schema, map[key])
    else if (schema.default !== undefined) filled[key] = fillDefaults(schema, schema.default)
  }
  return filled
}

/** `0.25` as `{ rate: 0.25 }`, `flatten` as `{ flatten: {} }`. */
function writeOut(schema: JsonSchema, value: unknown): unknown {
  if (schema['x-bare'] === true && typeof value === 'string') return { [value]: {} }
  const short = schema['x-short']
  if (short === undefined || isRecord(value) || !mapBranch(schema)) return value
  return value === null || short === '' ? {} : { [short]: value }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
