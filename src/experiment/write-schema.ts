/** Writes what is generated from the schema source: the JSON schema that editors read and the reference that people read. */
import fs from 'node:fs/promises'
import path from 'node:path'
import { rootSchema } from './json-schema.ts'
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

/** Without the keys that are the loader's own. */
function schemaText(): string {
  const own: readonly string[] = annotations
  const text = JSON.stringify(rootSchema, (key, value: unknown) => (own.includes(key) ? undefined : value), 2)
  return `${text}\n`
}
