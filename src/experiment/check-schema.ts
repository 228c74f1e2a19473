/** A tree held against the schema: ajv judges, and each of its errors becomes a diagnostic of the branch that was meant. */
import { Ajv } from 'ajv'
import type { ErrorObject, ValidateFunction } from 'ajv'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { nearestWord } from '../diagnostics/nearest.ts'
import { describeExpected, isOfType, mapBranch, rootSchema, schemaAt, tagsOf } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { annotations } from './schema/shapes.ts'
import * as say from './sentences.ts'
import { keyPlaceAt, plainValue, valuePlaceAt } from './tree.ts'
import type { Path, Tree } from './tree.ts'

/** A fault of the schema and the path that it speaks of. */
export interface SchemaFault {
  readonly path: Path
  readonly diagnostic: Diagnostic
}

let compiled: ValidateFunction | undefined

export function checkSchema(tree: Tree): SchemaFault[] {
  compiled ??= compileSchema()
  if (compiled(plainValue(tree))) return []
  return meantErrors(compiled.errors ?? []).map((error) => faultOf(error, tree))
}

/**
 * `strictRequired` off: the choice of exactly one key names keys that are defined around it. `optimize` off: it would cost more than the
 * checking of a hundred files.
 */
function compileSchema(): ValidateFunction {
  const ajv = new Ajv({ strict: true, strictRequired: false, allErrors: true, verbose: true, code: { optimize: false } })
  ajv.addVocabulary([...annotations])
  return ajv.compile(rootSchema)
}

/** Without the errors of branches that were not meant, and without those that another error explains. */
function meantErrors(errors: readonly ErrorObject[]): ErrorObject[] {
  const outermost = errors.find(({ keyword }) => keyword === 'anyOf')
  if (outermost) {
    const isInside = (error: ErrorObject): boolean => isBelow(error, outermost, outermost.schemaPath)
    const outside = errors.filter((error) => error !== outermost && !isInside(error))
    const branches = outermost.schema as readonly JsonSchema[]
    const meant = branches.findIndex((branch) => isOfType(branch, outermost.data))
    const hasWordsOnly = branches[meant]?.enum !== undefined
    const inside = errors.filter((error) => isBelow(error, outermost, `${outermost.schemaPath}/${meant}`))
    // Solved errors are marked by another keyword, so that each choice is looked at once.
    return meantErrors([...outside, ...(meant < 0 || hasWordsOnly ? [{ ...outermost, keyword: 'choice' }] : inside)])
  }
  const choices = errors.filter(({ keyword }) => keyword === 'oneOf')
  // A pair that is too long breaks two keywords.
  const single = errors.filter(({ keyword }) => keyword !== 'additionalItems')
  const kept = single.filter((error) => !choices.some((choice) => error !== choice && isBelow(error, choice, choice.schemaPath)))
  return kept.filter((error) => !isExplained(error, kept))
}

/** A misspelt key explains why no kind is there, or why a key is missing. */
function isExplained(error: ErrorObject, errors: readonly ErrorObject[]): boolean {
  const unknown = errors
    .filter(({ keyword, instancePath }) => keyword === 'additionalProperties' && instancePath === error.instancePath)
    .map(({ params }) => String((params as Readonly<Record<string, unknown>>)['additionalProperty']))
  if (error.keyword === 'oneOf') return presentTags(error).length === 0 && unknown.length > 0
  if (error.keyword !== 'required') return false
  const missing = String((error.params as Readonly<Record<string, unknown>>)['missingProperty'])
  return unknown.some((key) => nearestWord(key, [missing]) === missing)
}

function isBelow(error: ErrorObject, outer: ErrorObject, schemaPath: string): boolean {
  const isAtOrUnder = error.instancePath === outer.instancePath || error.instancePath.startsWith(`${outer.instancePath}/`)
  return isAtOrUnder && error.schemaPath.startsWith(`${schemaPath}/`)
}

function presentTags({ data, parentSchema }: ErrorObject): string[] {
  const keys = typeof data === 'object' && data !== null ? Object.keys(data) : []
  return tagsOf(parentSchema as JsonSchema).filter((tag) => keys.includes(tag))
}

function faultOf(error: ErrorObject, tree: Tree): SchemaFault {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const params = error.params as Readonly<Record<string, unknown>>
  if (error.keyword === 'additionalProperties') {
    const key = String(params['additionalProperty'])
    const allowed = Object.keys((error.parentSchema as JsonSchema).properties ?? {})
    const elsewhere = path.length === 0 ? sectionsWith(key) : []
    const diagnostic = say.unknownKey(keyPlaceAt(tree, [...path, key]), key, path.join('.'), allowed, elsewhere)
    return { path: [...path, key], diagnostic }
  }
  if (error.keyword === 'required') {
    const key = String(params['missingProperty'])
    const schema = (error.parentSchema as JsonSchema).properties?.[key]
    const expected = schema ? describeExpected(schema) : 'a value'
    return { path: [...path, key], diagnostic: say.missingKey(keyPlaceAt(tree, path), key, path.join('.'), expected) }
  }
  return { path, diagnostic: valueFault(error, path, tree) }
}

/** The sections of the file that know a key of that name. */
function sectionsWith(key: string): string[] {
  return Object.entries(rootSchema.properties ?? {}).flatMap(([section, schema]) => (mapBranch(schema)?.properties?.[key] ? [section] : []))
}

function valueFault(error: ErrorObject, path: Path, tree: Tree): Diagnostic {
  const { keyword, data } = error
  const own = error.parentSchema as JsonSchema
  const where = path.join('.')
  const place = valuePlaceAt(tree, path)
  const expected = describeExpected(schemaAt(path) ?? own)
  switch (keyword) {
    case 'oneOf': {
      const present = presentTags(error)
      return present.length === 0 ? say.kindMissing(place, where, tagsOf(own)) : say.kindTwice(place, where, present)
    }
    case 'choice':
    case 'enum':
      return wordFault(error, where, expected, place)
    case 'const':
      return where === 'version' ? say.unknownVersion(place, data) : say.wrongType(place, where, expected, data)
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return say.outOfRange(place, where, expected, data)
    case 'pattern':
    case 'minLength':
    case 'maxLength':
      return say.wrongForm(place, where, formOf(own), data)
    case 'minItems':
    case 'maxItems':
    case 'minProperties':
      return say.wrongLength(place, where, expected, data)
    case 'uniqueItems':
      return say.listedTwice(place, where)
    default:
      return say.wrongType(place, where, expected, data)
  }
}

function wordFault({ data, parentSchema }: ErrorObject, where: string, expected: string, place: Diagnostic['place'] & object): Diagnostic {
  const schema = parentSchema as JsonSchema
  const words = (schema.anyOf ?? [schema]).flatMap((branch) => branch.enum ?? []).map(String)
  const mayBeText = typeof data === 'string' && words.length > 0
  if (!mayBeText) return say.wrongType(place, where, expected, data)
  if (where.endsWith('.metric') && data.startsWith('test/')) return say.selectOnTest(place, where, words)
  // Bare words of a choice of kinds are its kinds too: `optimizer: adma`, or a layer that needs options.
  const options = mapBranch(schema)?.properties?.[data]
  if (options && tagsOf(schema).includes(data)) return say.kindNeedsOptions(place, where, data, describeExpected(options))
  return say.unknownValue(place, where, [...new Set([...words, ...tagsOf(schema)])], expected, data)
}

function formOf(schema: JsonSchema & { readonly pattern?: string; readonly maxLength?: number }): string {
  const length = schema.maxLength === undefined ? '' : `, ${schema.maxLength} characters at most`
  return schema.pattern === undefined ? 'a text that is not empty' : `a text that matches ${schema.pattern}${length}`
}
