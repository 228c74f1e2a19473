/** `--set path=value` on a tree: keys, indices and layer ids in the path, YAML as the value, the place reported as `--set`. */
import type { Diagnostic, Place } from '../diagnostics/diagnostic.ts'
import { childSchema, mapBranch, rootSchema, tagsOf } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { readYaml } from './read-yaml.ts'
import * as say from './sentences.ts'
import { isNull, mapTree } from './tree.ts'
import type { Entry, ListTree, MapTree, Path, Tree } from './tree.ts'

export const setSource = '--set'

/** What places of `--set` count into: every setting on a line of its own. */
export function settingsText(settings: readonly string[]): string {
  return settings.map((setting) => setting.replaceAll(/\s*\n\s*/gu, ' ')).join('\n')
}

export function applySettings(tree: MapTree, settings: readonly string[], diagnostics: Diagnostic[]): MapTree {
  let start = 0
  let current: Tree = tree
  for (const line of settingsText(settings).split('\n').slice(0, settings.length)) {
    const setting = readSetting(line, start, diagnostics)
    if (setting) current = setAt(current, setting.path, { setting, schema: rootSchema, done: [], diagnostics }).value
    start += line.length + 1
  }
  return current.kind === 'map' ? current : tree
}

/** The tree with that value at a path; where the path leads nowhere, a fault at the value's own place. */
export function setPath(tree: MapTree, path: Path, value: Tree, diagnostics: Diagnostic[]): MapTree {
  const setting = { path, place: value.place, value }
  const set = setAt(tree, path, { setting, schema: rootSchema, done: [], diagnostics }).value
  return set.kind === 'map' ? set : tree
}

interface Setting {
  readonly path: Path
  readonly place: Place
  /** Null removes. */
  readonly value: Tree
}

function readSetting(text: string, start: number, diagnostics: Diagnostic[]): Setting | null {
  const equals = text.indexOf('=')
  const path = text.slice(0, Math.max(0, equals)).trim()
  const value = text.slice(equals + 1)
  if (path === '' || path.split('.').includes('') || value.trim() === '') {
    diagnostics.push(say.setWithoutValue({ file: setSource, offset: start, length: Math.max(1, text.length) }))
    return null
  }
  const read = readYaml({ file: setSource, text: value, start: start + equals + 1 })
  diagnostics.push(...read.diagnostics)
  return read.tree && { path: path.split('.'), place: { file: setSource, offset: start, length: equals }, value: read.tree }
}

interface Step {
  readonly setting: Setting
  readonly schema: JsonSchema | undefined
  readonly done: Path
  readonly diagnostics: Diagnostic[]
}

/** The tree with the setting's value at a path; maps that lack on the way are made. */
function setAt(tree: Tree | undefined, path: Path, step: Step): Entry {
  const { setting, schema } = step
  const [part, ...rest] = path
  if (part === undefined) return { key: setting.place, value: setting.value }
  if (tree?.kind === 'list') return { key: tree.place, value: setInList(tree, part, rest, step) }
  const map = longForm(tree, schema) ?? mapTree(setting.place)
  const tags = tagsOf(schema)
  const present = tags.filter((tag) => map.entries.has(tag))
  const [tag] = present
  const isOption = tag !== undefined && mapBranch(schema)?.properties?.[part] === undefined
  if (isOption) return setAt(map, [tag, part, ...rest], step)
  const entries = new Map(tags.includes(part) && !present.includes(part) ? [] : map.entries)
  const isRemoval = rest.length === 0 && isNull(setting.value) && entries.has(part)
  if (isRemoval) entries.delete(part)
  else {
    const below = { ...step, schema: childSchema(schema, part), done: [...step.done, part] }
    const set = setAt(entries.get(part)?.value, rest, below)
    entries.set(part, { key: entries.get(part)?.key ?? setting.place, value: set.value })
  }
  return { key: setting.place, value: { ...map, entries } }
}

function setInList(list: ListTree, part: string, rest: Path, step: Step): Tree {
  const ids = list.items.map(idOf)
  const index = /^\d+$/u.test(part) ? Number(part) : ids.indexOf(part)
  const item = list.items[index]
  if (!item) {
    const known = [...ids.filter((id) => id !== ''), ...(list.items.length > 0 ? [`0 … ${list.items.length - 1}`] : [])]
    step.diagnostics.push(say.setNowhere(step.setting.place, step.done.join('.'), part, known))
    return list
  }
  if (rest.length === 0 && isNull(step.setting.value)) return { ...list, items: list.items.filter((other) => other !== item) }
  const below = { ...step, schema: childSchema(step.schema, part), done: [...step.done, part] }
  return { ...list, items: list.items.map((other) => (other === item ? setAt(item, rest, below).value : other)) }
}

function idOf(item: Tree): string {
  const id = item.kind === 'map' ? item.entries.get('id')?.value : undefined
  return id?.kind === 'scalar' && typeof id.value === 'string' ? id.value : ''
}

/** A short form as the map that it stands for; undefined where it stands for none. */
export function longForm(tree: Tree | undefined, schema: JsonSchema | undefined): MapTree | undefined {
  if (!tree || tree.kind === 'list') return undefined
  if (tree.kind === 'map') return tree
  const { place } = tree
  if (schema?.['x-bare'] === true && typeof tree.value === 'string') {
    return mapTree(place, [[tree.value, { key: place, value: mapTree(place) }]])
  }
  const short = schema?.['x-short']
  if (short === undefined) return undefined
  return short === '' || isNull(tree) ? mapTree(place) : mapTree(place, [[short, { key: place, value: tree }]])
}
