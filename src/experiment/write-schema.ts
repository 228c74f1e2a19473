/** Writes what is generated from the schema source: the JSON schema that editors read and the reference that people read. */
import fs from 'node:fs/promises'
import path from 'node:path'
import { mapBranch, rootSchema } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { referencePage } from './reference-page.ts'
import { annotations } from './schema/shapes.ts'

/** Relative path -> text of every generated file. */
export function generatedFiles(): Readonly<Record<string, string>> {
  return { 'schemas/experiment.schema.json': schemaText(), 'docs/reference/experiment.md': referencePage(rootSchema) }
}

export async function writeSchemas(projectRoot: string): Promise<void> {
  for (const [name, text] of Object.entries(generatedFiles())) {
    const file = path.join(projectRoot, name)
    await fs.mkdir(path.dirname(file), { recursive: true })
    await fs.writeFile(file, text)
  }
}

/** Without the keys that are the loader's own, and asking for nothing that an extended file may say. */
function schemaText(): string {
  const own: readonly string[] = annotations
  const schema = { ...withoutRequirements(rootSchema), if: { required: ['extends'] }, then: true, else: requirementsOf(rootSchema) }
  const text = JSON.stringify(schema, (key, value: unknown) => (own.includes(key) ? undefined : value), 2)
  return `${text}\n`
}

/** Maps merge with those of an extended file, so none of their keys is required by itself; what stands in lists is whole. */
function withoutRequirements(schema: JsonSchema): JsonSchema {
  return {
    ...Object.fromEntries(Object.entries(schema).filter(([key]) => key !== 'required' && key !== 'oneOf')),
    ...(schema.anyOf ? { anyOf: schema.anyOf.map(withoutRequirements) } : {}),
    ...(schema.properties ? { properties: mapValues(schema.properties, withoutRequirements) } : {}),
  }
}

/** What a file that extends nothing has to say: `required` and the choice of one kind, of every map that stands in no list. */
function requirementsOf(schema: JsonSchema): object {
  const { required = [], oneOf, properties = {} } = mapBranch(schema) ?? {}
  const inside = Object.entries(mapValues(properties, requirementsOf)).filter(([, child]) => Object.keys(child).length > 0)
  const own = {
    ...(required.length > 0 ? { required } : {}),
    ...(oneOf ? { oneOf } : {}),
    ...(inside.length > 0 ? { properties: Object.fromEntries(inside) } : {}),
  }
  // Where a number or a word may stand for the map, it has no keys to lack.
  return schema.anyOf && Object.keys(own).length > 0 ? { if: { type: 'object' }, then: own } : own
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
}
