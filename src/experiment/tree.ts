/** A YAML document as a plain tree in which every key and value knows its place. Trees are never changed, only made anew. */
import type { Place } from '../diagnostics/diagnostic.ts'

export type Scalar = string | number | boolean | null

export interface Entry {
  /** Where the key stands. */
  readonly key: Place
  readonly value: Tree
}
export interface MapTree {
  readonly kind: 'map'
  readonly place: Place
  readonly entries: ReadonlyMap<string, Entry>
}
export interface ListTree {
  readonly kind: 'list'
  readonly place: Place
  readonly items: readonly Tree[]
}
export interface ScalarTree {
  readonly kind: 'scalar'
  readonly place: Place
  readonly value: Scalar
  /** The text before variables were replaced in it. */
  readonly written?: string
  /** Whether a variable's default stands in it. */
  readonly isDefault?: boolean
}
export type Tree = MapTree | ListTree | ScalarTree

export type Path = readonly string[]

export function mapTree(place: Place, entries: Iterable<readonly [string, Entry]> = []): MapTree {
  return { kind: 'map', place, entries: new Map(entries) }
}

export function isNull(tree: Tree): boolean {
  return tree.kind === 'scalar' && tree.value === null
}

/** The tree as JSON values. */
export function plainValue(tree: Tree): unknown {
  switch (tree.kind) {
    case 'scalar':
      return tree.value
    case 'list':
      return tree.items.map(plainValue)
    case 'map':
      return Object.fromEntries([...tree.entries].map(([key, { value }]) => [key, plainValue(value)]))
  }
}

/** JSON values as a tree, all of it at one place. */
export function plainTree(value: unknown, place: Place): Tree {
  if (Array.isArray(value)) return { kind: 'list', place, items: value.map((item) => plainTree(item, place)) }
  if (typeof value === 'object' && value !== null) {
    return mapTree(
      place,
      Object.entries(value).map(([key, child]) => [key, { key: place, value: plainTree(child, place) }]),
    )
  }
  return {
    kind: 'scalar',
    place,
    value: typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null,
  }
}

export function treeAt(tree: Tree, path: Path): Tree | undefined {
  const [part, ...rest] = path
  if (part === undefined) return tree
  const child = childOf(tree, part)?.value
  return child && treeAt(child, rest)
}

/** What stands under a key or an index; an item of a list is its own key. */
export function childOf(tree: Tree, part: string): Entry | undefined {
  if (tree.kind === 'map') return tree.entries.get(part)
  const item = tree.kind === 'list' ? tree.items[Number(part)] : undefined
  return item && { key: item.place, value: item }
}

/** The place of the key that leads to a path, or of the nearest thing around it that is written. */
export function keyPlaceAt(tree: Tree, path: Path): Place {
  return keyPlaceFrom(tree, tree.place, path)
}

function keyPlaceFrom(tree: Tree, key: Place, [part, ...rest]: Path): Place {
  const child = part === undefined ? undefined : childOf(tree, part)
  return child ? keyPlaceFrom(child.value, child.key, rest) : key
}

/** The place of the value at a path, or of the key of the nearest thing around it that is written. */
export function valuePlaceAt(tree: Tree, path: Path): Place {
  const value = treeAt(tree, path)
  return value?.kind === 'scalar' && value.place.length > 0 ? value.place : keyPlaceAt(tree, path)
}

/** The tree with another value at a path, or without the key that leads to it where `value` is undefined; the path has to exist. */
export function replaceAt(tree: Tree, path: Path, value: Tree | undefined): Tree {
  const [part, ...rest] = path
  if (part === undefined) return value ?? tree
  const child = childOf(tree, part)
  if (!child || tree.kind === 'scalar') return tree
  if (tree.kind === 'list') {
    const items = tree.items.flatMap((item, index) => {
      if (index !== Number(part)) return [item]
      return rest.length === 0 && !value ? [] : [replaceAt(item, rest, value)]
    })
    return { ...tree, items }
  }
  const entries = new Map(tree.entries)
  if (rest.length === 0 && !value) entries.delete(part)
  else entries.set(part, { key: child.key, value: replaceAt(child.value, rest, value) })
  return { ...tree, entries }
}

/** Every value's place by dotted path: where the key stands for a map or a list, where the value stands for the rest. */
export function placesOf(tree: Tree): Map<string, Place> {
  const places = new Map<string, Place>()
  const visit = (current: Tree, key: Place, path: Path): void => {
    if (path.length > 0) places.set(path.join('.'), current.kind === 'scalar' ? current.place : key)
    if (current.kind === 'map') for (const [name, entry] of current.entries) visit(entry.value, entry.key, [...path, name])
    if (current.kind === 'list') for (const [index, item] of current.items.entries()) visit(item, item.place, [...path, String(index)])
  }
  visit(tree, tree.place, [])
  return places
}
