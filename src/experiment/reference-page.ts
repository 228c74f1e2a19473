/** The reference of every key of an experiment file, from the schema's own descriptions. */
import { branchesOf, describeExpected, tagsOf } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

export function referencePage(root: JsonSchema): string {
  const sections = Object.entries(root.properties ?? {})
  const single = sections.filter(([, schema]) => rowsOf(schema, '').length === 0)
  const nested = sections.filter(([, schema]) => rowsOf(schema, '').length > 0)
  const required = root.required ?? []
  return [
    '# The experiment file',
    '',
    'Generated from the schema by `npm run schema`; do not edit. Every key may be given with `--set path=value` too.',
    'A key without a default is required. `null` removes a key that an extended file sets.',
    '',
    ...table(single.map(([key, schema]) => row(key, schema, required.includes(key) ? 'required' : undefined))),
    ...nested.flatMap(([key, schema]) => section(key, schema, required.includes(key))),
    '',
  ].join('\n')
}

function section(key: string, schema: JsonSchema, isRequired: boolean): string[] {
  const own = isRequired || schema.default === undefined ? 'Required.' : `Default: ${code(schema.default)}.`
  const short = branchesOf(schema).some(({ type }) => type !== 'object' && type !== 'null' && type !== undefined)
  const forms = short && schema.anyOf ? [`Written as ${describeExpected(schema)}.`, ''] : []
  return ['', `## ${key}`, '', `${schema.description ?? ''} ${own}`.trim(), '', ...forms, ...table(rowsOf(schema, ''))]
}

interface Row {
  readonly key: string
  readonly what: string
  readonly allowed: string
  readonly default: string
}

function table(rows: readonly Row[]): string[] {
  const lines = rows.map(({ key, what, allowed, default: value }) => `| ${[`\`${key}\``, what, allowed, value].map(cell).join(' | ')} |`)
  return ['| key | what it is | value | default |', '|---|---|---|---|', ...lines]
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

/** The keys under a schema, those of its choices and list items among them; what is described in a row above is not described again. */
function rowsOf(schema: JsonSchema, prefix: string, above = new Set<string>()): Row[] {
  return branchesOf(schema).flatMap((branch) => {
    const own = JSON.stringify(branch.oneOf ?? branch)
    if (branch.type === 'array' && branch.items && !Array.isArray(branch.items)) {
      return rowsOf(branch.items as JsonSchema, `${prefix.slice(0, -1)}[].`, above)
    }
    if (branch.properties === undefined || above.has(own)) return []
    above.add(own)
    const described = Object.entries(branch.properties).filter(([, child]) => !isFree(child))
    return described.flatMap(([key, child]) => {
      const status = tagsOf(branch).includes(key) ? 'one of these' : branch.required?.includes(key) === true ? 'required' : undefined
      return [row(`${prefix}${key}`, child, status), ...rowsOf(child, `${prefix}${key}.`, above)]
    })
  })
}

/** Whether it says nothing of what it is: what stands there is described elsewhere. */
function isFree({ type, anyOf }: JsonSchema): boolean {
  return type === undefined && anyOf === undefined
}

/** `status` stands in the place of the default where a key has none. */
function row(key: string, schema: JsonSchema, status: string | undefined): Row {
  const example = schema.examples?.[0] === undefined ? '' : ` Example: ${code(schema.examples[0])}.`
  return { key, what: `${description(schema)}${example}`, allowed: describeExpected(schema), default: status ?? code(schema.default) }
}

/** Its own, or that of the one branch that has one. */
function description(schema: JsonSchema): string {
  return schema.description ?? branchesOf(schema).find((branch) => branch.description !== undefined)?.description ?? ''
}

function code(value: unknown): string {
  if (value === null || value === '') return 'none'
  return value === undefined ? '' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}
