/** One tree laid over another: maps merge, lists replace, a map of one kind replaces one of another kind, null removes a key. */
import { isDeepStrictEqual } from 'node:util'
import { childSchema, tagsOf } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { isNull, plainValue } from './tree.ts'
import type { Entry, MapTree, Path, Tree } from './tree.ts'

/** Told of every key that says again what it is laid over. */
export type NoteSame = (path: Path, entry: Entry) => void

export function mergeTrees(base: Tree, overlay: Tree, schema: JsonSchema | undefined, noteSame?: NoteSame, path: Path = []): Tree {
  if (base.kind !== 'map' || overlay.kind !== 'map' || isOtherKind(base, overlay, schema)) return overlay
  const entries = new Map<string, Entry>(base.entries)
  for (const [key, entry] of overlay.entries) {
    const below = base.entries.get(key)
    const at = [...path, key]
    if (!below) entries.set(key, entry)
    else if (isNull(entry.value)) entries.delete(key)
    else entries.set(key, { key: entry.key, value: mergeTrees(below.value, entry.value, childSchema(schema, key), noteSame, at) })
    if (below && entry.value.kind !== 'map' && isDeepStrictEqual(plainValue(below.value), plainValue(entry.value))) noteSame?.(at, entry)
  }
  return { kind: 'map', place: overlay.place, entries }
}

/** Both name a kind, such as `{ adagrad: … }` and `{ adam: … }`, and not the same. */
export function isOtherKind(base: MapTree, overlay: MapTree, schema: JsonSchema | undefined): boolean {
  const tags = tagsOf(schema)
  const present = (map: MapTree) => tags.filter((tag) => map.entries.has(tag))
  const [below, above] = [present(base), present(overlay)]
  return below.length > 0 && above.length > 0 && !above.some((tag) => below.includes(tag))
}
