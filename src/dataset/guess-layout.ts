/** A layout guessed from the names of files, for a first experiment file: a person looks at it before it counts. */
import { layoutNames } from './given-split.ts'
import { parseLayout } from './layout.ts'

export interface GuessedLayout {
  readonly layout: string
  /** What stands where the layout says {class}, sorted. */
  readonly classFolders: readonly string[]
  /** Whether {patient} stands in the layout, and whether only a beginning of the file names says so. */
  readonly group: 'folder' | 'name' | null
  /** Whether {split} stands in it, with all three parts. */
  readonly hasSplit: boolean
}

const mostClasses = 50

/** Paths have forward slashes. Null where no folder, and no `_class0` in the names, tells classes apart. */
export function guessLayout(paths: readonly string[]): GuessedLayout | null {
  const depth = mostFrequent(paths.map((path) => path.split('/').length))
  const parts = paths.map((path) => path.split('/')).filter(({ length }) => length === depth)
  const names = parts.map((part) => part.at(-1) ?? '')
  const levels = Array.from({ length: (depth ?? 1) - 1 }, (_, level) => new Set(parts.map((part) => part[level] ?? '')))

  const splitLevel = levels.findIndex(isSplit)
  const others = levels.map((_, level) => level).filter((level) => level !== splitLevel)
  const candidates = others.filter((level) => isClasses(levels[level]))
  // Fewest names first; of equals the one nearest to the files.
  const [classLevel] = candidates.sort((a, b) => (levels[a]?.size ?? 0) - (levels[b]?.size ?? 0) || b - a)
  const inNames = classLevel === undefined ? names.every((name) => /_class\w+\.\w+$/u.test(name)) : false
  if (classLevel === undefined && !inNames) return null

  const groupLevel = others.find((level) => level !== classLevel && (levels[level]?.size ?? 0) >= 3)
  const classOf = (index: number): string => (classLevel === undefined ? '' : (parts[index]?.[classLevel] ?? ''))
  const separator = groupLevel === undefined ? groupSeparator(names, classOf) : null
  const splitHere = splitLevel >= 0 && hasAllParts(levels[splitLevel])
  const folders = levels.map((_, level) => {
    if (level === classLevel) return '{class}'
    if (level === groupLevel) return '{patient}'
    return level === splitLevel && splitHere ? '{split}' : '{*}'
  })
  const layout = [...folders, fileTemplate(names, separator, inNames)].join('/')
  const { read } = parseLayout(layout)
  const classFolders = [...new Set(paths.flatMap((path) => read(path)?.names['class'] ?? []))].sort()
  if (classFolders.length < 2) return null
  return { layout, classFolders, group: groupLevel !== undefined ? 'folder' : separator === null ? null : 'name', hasSplit: splitHere }
}

function isSplit(names: ReadonlySet<string>): boolean {
  const sides = new Set([...names].map((name) => layoutNames[name]))
  return sides.has('train') && sides.size > 1 && !sides.has(undefined)
}

function hasAllParts(names: ReadonlySet<string> = new Set()): boolean {
  return new Set([...names].map((name) => layoutNames[name])).size === 3
}

function isClasses(names: ReadonlySet<string> = new Set()): boolean {
  return names.size >= 2 && names.size <= mostClasses
}

/** `{*}.png`, with the place on the slide where every name has it, the patient before a separator, the class at the end. */
function fileTemplate(names: readonly string[], separator: string | null, hasClass: boolean): string {
  const extensions = new Set(names.map((name) => /\.[^.]*$/u.exec(name)?.[0] ?? ''))
  const [extension = ''] = extensions.size === 1 ? extensions : ['']
  const hasPlace = names.every((name) => /_x-?\d+_y-?\d+[_.]/u.test(name))
  const endsInPlace = hasPlace && names.every((name) => /_y-?\d+\.\w+$/u.test(name))
  const patient = separator === null ? '{*}' : `{patient}${separator}{*}`
  const place = hasPlace ? '_x{x:int}_y{y:int}' : ''
  if (hasClass) return `${patient}${place}_class{class}${extension}`
  return `${patient}${place}${hasPlace && !endsInPlace ? '_{*}' : ''}${extension}`
}

/** Of names such as `p07_slide2_31.png` the sign behind the patient: several beginnings, each several times, that are not the classes. */
function groupSeparator(names: readonly string[], classOf: (index: number) => string): string | null {
  for (const separator of ['_', '-']) {
    if (!names.every((name) => name.indexOf(separator) > 0)) continue
    const beginnings = names.map((name) => name.slice(0, name.indexOf(separator)))
    const distinct = new Set(beginnings).size
    const isClass =
      new Set(beginnings.map((beginning, index) => `${beginning}/${classOf(index)}`)).size ===
      new Set(names.map((_, index) => classOf(index))).size
    if (distinct >= 6 && distinct <= names.length / 2 && !isClass) return separator
  }
  return null
}

function mostFrequent<T>(values: readonly T[]): T | undefined {
  const counts = new Map<T, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0]
}
