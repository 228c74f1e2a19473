/** One tree laid over another: maps merge, lists replace, a map of one kind replaces one of another kind, null removes a key. */
import { childSchema, tagsOf } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { isNull } from './tree.ts'
import type { Entry, MapTree, Tree } from './tree.ts'

export function mergeTrees(base: Tree, overlay: Tree, schema: JsonSchema | undefined): Tree {
  if (base.kind !== 'map' || overlay.kind !== 'map' || isOtherKind(base, overlay, schema)) return overlay
  const entries = new Map<string, Entry>(base.entries)
  for (const [key, entry] of overlay.entries) {
    const below = base.entries.get(key)
    if (!below) entries.set(key, entry)
    else if (isNull(entry.value)) entries.delete(key)
    else entries.set(key, { key: entry.key, value: mergeTrees(below.value, entry.value, childSchema(schema, key)) })
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
