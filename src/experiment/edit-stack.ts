/** `model.edit` applied to `model.layers`, in order. A layer keeps its own place; what an edit sets has the edit's. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { schemaAt, tagsOf } from './json-schema.ts'
import { mergeTrees } from './merge.ts'
import { longForm } from './overrides.ts'
import * as say from './sentences.ts'
import { childOf, mapTree, replaceAt, treeAt } from './tree.ts'
import type { ListTree, MapTree, ScalarTree, Tree } from './tree.ts'

const layerSchema = schemaAt(['model', 'layers', '0'])
const poolings: readonly string[] = ['maxPooling2d', 'averagePooling2d']
/** The first of these ends the convolutional half. */
const flatteners: readonly string[] = ['flatten', 'globalMaxPooling2d', 'globalAveragePooling2d']

/** A tree that the schema accepts, its edits done and taken out. */
export function applyEdits(tree: Tree, diagnostics: Diagnostic[]): Tree {
  const edits = treeAt(tree, ['model', 'edit'])
  const layers = treeAt(tree, ['model', 'layers'])
  if (edits?.kind !== 'list' || layers?.kind !== 'list') return tree
  const items = edits.items.reduce<readonly Tree[]>(
    (stack, edit) => (edit.kind === 'map' ? applyEdit(stack, edit, diagnostics) : stack),
    layers.items,
  )
  const edited: ListTree = { ...layers, items }
  return replaceAt(replaceAt(tree, ['model', 'layers'], edited), ['model', 'edit'], undefined)
}

function applyEdit(stack: readonly Tree[], edit: MapTree, diagnostics: Diagnostic[]): readonly Tree[] {
  const half = textAt(edit, 'in')?.value
  const isHere = (index: number): boolean => typeof half !== 'string' || halfOf(stack, index) === half
  const remove = textAt(edit, 'remove')
  if (remove) return removeLayers(stack, remove, isHere, diagnostics)
  const move = textAt(edit, 'move')
  if (move) return moveLayers(stack, { edit, move, isHere }, diagnostics)
  const set = childOf(edit, 'set')?.value
  return set?.kind === 'map' ? setOptions(stack, set, isHere, diagnostics) : stack
}

type IsHere = (index: number) => boolean

function removeLayers(stack: readonly Tree[], remove: ScalarTree, isHere: IsHere, diagnostics: Diagnostic[]): readonly Tree[] {
  const rest = stack.filter((layer, index) => !(isHere(index) && isNamed(layer, remove.value)))
  if (rest.length === stack.length) diagnostics.push(notFound(remove, stack))
  return rest
}

interface Move {
  readonly edit: MapTree
  readonly move: ScalarTree
  readonly isHere: IsHere
}

/** Each named layer that stands directly on one side of a pooling changes places with it. */
function moveLayers(stack: readonly Tree[], { edit, move, isHere }: Move, diagnostics: Diagnostic[]): readonly Tree[] {
  const to = textAt(edit, 'to')?.value
  const name = String(move.value)
  if (typeof to !== 'string') {
    diagnostics.push(say.moveWithoutTo(move.place))
    return stack
  }
  const isPooling = (layer: Tree | undefined): boolean => layer !== undefined && poolings.includes(kindOf(layer))
  const moved = [...stack]
  for (let index = 1; index < moved.length; index++) {
    const [left, right] = [moved[index - 1], moved[index]]
    if (!left || !right || !isHere(index - 1)) continue
    const isBehind = to === 'beforePooling' && isPooling(left) && isNamed(right, move.value)
    const isBefore = to === 'afterPooling' && isNamed(left, move.value) && isPooling(right)
    if (!isBehind && !isBefore) continue
    moved.splice(index - 1, 2, right, left)
    // The layer that was moved to the right must not be met again.
    index++
  }
  if (moved.some((layer, index) => layer !== stack[index])) return moved
  const isPresent = stack.some((layer) => isNamed(layer, move.value))
  diagnostics.push(isPresent ? say.nothingToMove(move.place, name, to) : notFound(move, stack))
  return stack
}

function setOptions(stack: readonly Tree[], set: MapTree, isHere: IsHere, diagnostics: Diagnostic[]): readonly Tree[] {
  let current = stack
  for (const [kind, { key, value }] of set.entries) {
    const matches = current.map((layer, index) => isHere(index) && kindOf(layer) === kind)
    if (!matches.includes(true))
      diagnostics.push(
        say.editMatchesNothing(
          key,
          kind,
          namesIn(current).filter((name) => name !== kind),
        ),
      )
    current = current.map((layer, index) => (matches[index] === true ? withOptions(layer, kind, value) : layer))
  }
  return current
}

/** Options in their long form laid over the layer's. */
function withOptions(layer: Tree, kind: string, options: Tree): Tree {
  const map = longForm(layer, layerSchema) ?? mapTree(layer.place)
  const kindSchema = schemaAt(['model', 'layers', '0', kind])
  const entry = map.entries.get(kind)
  const own = longForm(entry?.value, kindSchema) ?? mapTree(layer.place)
  const merged = mergeTrees(own, longForm(options, kindSchema) ?? options, kindSchema)
  return { ...map, entries: new Map([...map.entries, [kind, { key: entry?.key ?? layer.place, value: merged }]]) }
}

function notFound({ place, value }: ScalarTree, stack: readonly Tree[]): Diagnostic {
  return say.editMatchesNothing(
    place,
    String(value),
    namesIn(stack).filter((name) => name !== value),
  )
}

function halfOf(stack: readonly Tree[], index: number): 'convolution' | 'dense' {
  const end = stack.findIndex((layer) => flatteners.includes(kindOf(layer)))
  return end < 0 || index < end ? 'convolution' : 'dense'
}

function kindOf(layer: Tree): string {
  const map = longForm(layer, layerSchema)
  return tagsOf(layerSchema).find((tag) => map?.entries.has(tag)) ?? ''
}

function isNamed(layer: Tree, name: unknown): boolean {
  return kindOf(layer) === name || textAt(layer, 'id')?.value === name
}

function namesIn(stack: readonly Tree[]): string[] {
  const ids = stack.map((layer) => textAt(layer, 'id')?.value).filter((id) => typeof id === 'string')
  return [...new Set([...stack.map(kindOf), ...ids])]
}

function textAt(tree: Tree, key: string): ScalarTree | undefined {
  const value = childOf(tree, key)?.value
  return value?.kind === 'scalar' && value.value !== null ? value : undefined
}
