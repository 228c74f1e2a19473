/** Text to tree: YAML 1.2 without tags, with bounded aliases, size and depth, every fault at its place. */
import { isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml'
import type { Document, YAMLMap } from 'yaml'
import type { Diagnostic, Place } from '../diagnostics/diagnostic.ts'
import * as say from './sentences.ts'
import { mapTree } from './tree.ts'
import type { Entry, MapTree, Tree } from './tree.ts'

/** In characters. */
export const largestText = 1_000_000
const deepest = 64
/** Values of one file, those that aliases unfold into among them. */
const mostValues = 20_000

export interface YamlText {
  readonly file: string
  readonly text: string
  /** Offset of the text within what places of this file count from. */
  readonly start?: number
}

export interface YamlOutcome {
  /** Null where a fault keeps the text from being read. A text without content is an empty map. */
  readonly tree: Tree | null
  readonly diagnostics: readonly Diagnostic[]
}

export function readYaml({ file, text, start = 0 }: YamlText): YamlOutcome {
  const placeAt = (from: number, to: number): Place => ({ file, offset: start + from, length: Math.max(0, to - from) })
  if (text.length > largestText) return { tree: null, diagnostics: [say.fileTooLarge(placeAt(0, 0), largestText)] }
  const tooDeep = findTooDeep(text)
  if (tooDeep !== null) return { tree: null, diagnostics: [say.nestedTooDeep(placeAt(tooDeep, tooDeep + 1), deepest)] }
  const document = parseDocument(text, { version: '1.2', uniqueKeys: true, prettyErrors: false, logLevel: 'silent' })
  const faults = [...document.errors, ...document.warnings]
  // The parser gives up on what is nested too deep; what it says of the rest means nothing.
  const exhausted = faults.find(({ code }) => code === 'RESOURCE_EXHAUSTION')
  if (exhausted) return { tree: null, diagnostics: [say.nestedTooDeep(placeAt(...stretchOf(exhausted.pos, text)), deepest)] }
  if (faults.length > 0) {
    // One slip makes several faults at one place: the first of them speaks for all.
    const first = faults.filter(({ pos: [from] }, index) => faults.findIndex(({ pos }) => pos[0] === from) === index)
    return {
      tree: null,
      diagnostics: first.map(({ pos, code, message }) => say.yamlFault(placeAt(...stretchOf(pos, text)), code, message)),
    }
  }
  const reader = new Reader(document, placeAt)
  const tree = document.contents ? reader.read(document.contents, 0) : mapTree(placeAt(0, 0))
  return { tree: reader.diagnostics.length > 0 ? null : tree, diagnostics: reader.diagnostics }
}

/** Brackets, or dashes of lists, that stand open or in a row; beyond any file that a person wrote. */
const mostOpen = 256

/**
 * Where nesting goes too deep for the parser, which is recursive: near the end of the stack V8 aborts the process where it compiles a regular
 * expression, and nobody could explain it any more. Null for everything else.
 */
function findTooDeep(text: string): number | null {
  let open = 0
  let indicators = 0
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index)
    if (character === '[' || character === '{') open += 1
    else if (character === ']' || character === '}') open = Math.max(0, open - 1)
    if ((character === '-' || character === '?') && text.charAt(index + 1) === ' ') indicators += 1
    else if (character !== ' ') indicators = 0
    if (open > mostOpen || indicators > mostOpen) return index
  }
  return null
}

/** At most the rest of the line, and never beyond the text. */
function stretchOf([from, to]: readonly [number, number], text: string): [number, number] {
  const start = Math.min(from, Math.max(0, text.length - 1))
  const lineEnd = text.indexOf('\n', start)
  return [start, Math.max(start + 1, Math.min(to, lineEnd < 0 ? text.length : lineEnd))]
}

type PlaceAt = (from: number, to: number) => Place

class Reader {
  readonly diagnostics: Diagnostic[] = []
  readonly #document: Document
  readonly #placeAt: PlaceAt
  #values = 0

  constructor(document: Document, placeAt: PlaceAt) {
    this.#document = document
    this.#placeAt = placeAt
  }

  read(node: unknown, depth: number): Tree {
    const place = this.#placeOf(node)
    if (!this.#isWithinLimits(place, depth)) return { kind: 'scalar', place, value: null }
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      // The value is the anchor's, the place is where it is used.
      return target ? { ...this.read(target, depth + 1), place } : { kind: 'scalar', place, value: null }
    }
    if (isMap(node)) return this.#readMap(node, place, depth)
    if (isSeq(node)) {
      this.#refuseTag(node.tag, place)
      return { kind: 'list', place, items: node.items.map((item) => this.read(item, depth + 1)) }
    }
    if (!isScalar(node)) return { kind: 'scalar', place, value: null }
    this.#refuseTag(node.tag, place)
    return { kind: 'scalar', place, value: scalarValue(node.value) }
  }

  #readMap(node: YAMLMap, place: Place, depth: number): MapTree {
    this.#refuseTag(node.tag, place)
    return mapTree(
      place,
      node.items.map(({ key, value }) => this.#readEntry(key, value, depth)),
    )
  }

  #readEntry(key: unknown, value: unknown, depth: number): [string, Entry] {
    const place = this.#placeOf(key)
    if (!isScalar(key)) this.diagnostics.push(say.keyNotText(place))
    const name = isScalar(key) ? (key.source ?? String(scalarValue(key.value))) : ''
    return [name, { key: place, value: value ? this.read(value, depth + 1) : { kind: 'scalar', place, value: null } }]
  }

  #isWithinLimits(place: Place, depth: number): boolean {
    this.#values += 1
    const fault =
      depth > deepest ? say.nestedTooDeep(place, deepest) : this.#values > mostValues ? say.tooManyValues(place, mostValues) : null
    // One of them is enough: the rest of the file is not read.
    if (fault && !this.diagnostics.some(({ code }) => code === fault.code)) this.diagnostics.push(fault)
    return fault === null
  }

  #refuseTag(tag: string | undefined, place: Place): void {
    if (tag !== undefined) this.diagnostics.push(say.tagRefused(place, tag))
  }

  #placeOf(node: unknown): Place {
    const range = isMap(node) || isSeq(node) || isScalar(node) || isAlias(node) ? node.range : undefined
    const [from, to] = range ?? [0, 0]
    return this.#placeAt(from, to)
  }
}

function scalarValue(value: unknown): string | number | boolean | null {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return value === null || value === undefined ? null : JSON.stringify(value)
}
