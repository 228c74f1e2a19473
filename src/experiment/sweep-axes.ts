/** The axes of a sweep as the file has them: what each is called, which values it has, and at which points it is there. */
import type { Written } from './schema/experiment-schema.ts'
import type { Path } from './tree.ts'

export type WrittenSweep = NonNullable<Written['sweep']>

export interface Axis {
  readonly section: 'variants' | 'axes' | 'zip' | 'random'
  /** As `--set` takes it; `variant` for the variants. */
  readonly path: string
  /** Where it stands in the file. */
  readonly at: Path
  /** Null where they are drawn from a range. */
  readonly values: readonly unknown[] | null
  /** It is there where each of these other axes has one of these values. */
  readonly when: Readonly<Record<string, unknown>>
}

/** The variants first, then in the order of the file. */
export function sweepAxes({ variants, axes, zip, random }: WrittenSweep): Axis[] {
  const listed = (section: 'axes' | 'zip', entries: WrittenSweep['axes']): Axis[] =>
    Object.entries(entries).map(([path, entry]) => {
      const { values, when = {} } = longForm(entry)
      return { section, path, at: ['sweep', section, path], values, when }
    })
  const names = Object.keys(variants)
  return [
    ...(names.length > 0 ? [{ section: 'variants' as const, path: 'variant', at: ['sweep', 'variants'], values: names, when: {} }] : []),
    ...listed('axes', axes),
    ...listed('zip', zip),
    ...Object.entries(random?.axes ?? {}).map(([path, { choice = null, when = {} }]): Axis => {
      return { section: 'random', path, at: ['sweep', 'random', 'axes', path], values: choice, when }
    }),
  ]
}

type Entry = WrittenSweep['axes'][string]

/** A list of values without a condition is written as the list alone. */
export function longForm(entry: Entry): Exclude<Entry, readonly unknown[]> {
  return Array.isArray(entry) ? { values: entry } : entry
}

/** What an axis is called in names: the shortest end of its path that is no other's. */
export function axisName(path: string, axes: readonly Axis[]): string {
  const parts = path.split('.')
  const ends = parts.map((_, index) => parts.slice(-1 - index).join('.'))
  return ends.find((end) => axes.filter((other) => endsIn(other, end)).length <= 1) ?? path
}

/** The axes that a condition may mean by a name: that of this path, else all whose paths end in it. */
export function axesNamed<A extends Axis>(name: string, axes: readonly A[]): readonly A[] {
  const exact = axes.filter(({ path }) => path === name)
  return exact.length > 0 ? exact : axes.filter((axis) => endsIn(axis, name))
}

function endsIn({ path }: Axis, end: string): boolean {
  return path === end || path.endsWith(`.${end}`)
}

/** What a value is called in names: a word, a number, the one key of a map, or JSON. */
export function valueName(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  const keys = Object.keys(value)
  return keys.length === 1 && !Array.isArray(value) ? (keys[0] ?? '') : JSON.stringify(value)
}

/** As `valueName`, but JSON where that would name two of these values alike. */
export function valueNameAmong(value: unknown, values: readonly unknown[]): string {
  const name = valueName(value)
  const isAlone = values.every((other) => valueName(other) !== name || JSON.stringify(other) === JSON.stringify(value))
  return isAlone ? name : JSON.stringify(value)
}

/** The values of which a condition wants one. */
export function alternativesOf(wanted: unknown): readonly unknown[] {
  return Array.isArray(wanted) ? wanted : [wanted]
}

/** Whether a condition means this value: written alike, or by what it is called in names. */
export function isMeant(wanted: unknown, value: unknown): boolean {
  return JSON.stringify(wanted) === JSON.stringify(value) || (typeof wanted !== 'object' && valueName(wanted) === valueName(value))
}

/** `valueOf` gives undefined for an axis that is not there. A name that means no axis, or several, is a fault of its own, and asks for nothing. */
export function isThere<A extends Axis>({ when }: A, axes: readonly A[], valueOf: (axis: A) => unknown): boolean {
  return Object.entries(when).every(([name, wanted]) => {
    const [axis, another] = axesNamed(name, axes)
    if (!axis || another) return true
    const value = valueOf(axis)
    return value !== undefined && alternativesOf(wanted).some((one) => isMeant(one, value))
  })
}

/** Every axis behind those that its condition names, else in the order of the file; where conditions wait for each other, as far as that goes. */
export function inOrderOfConditions<A extends Axis>(axes: readonly A[]): A[] {
  const ordered: A[] = []
  const visiting = new Set<A>()
  const visit = (axis: A): void => {
    if (visiting.has(axis)) return
    visiting.add(axis)
    for (const name of Object.keys(axis.when)) axesNamed(name, axes).forEach(visit)
    ordered.push(axis)
  }
  axes.forEach(visit)
  return ordered
}
