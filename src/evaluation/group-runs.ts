/** Which runs are one variant: those that differ in nothing but the seed, and the fold of one cross-validation. */
import type { Fold } from '../experiment/experiment.ts'

export interface Configured {
  readonly run: string
  /** The experiment file's name. */
  readonly name: string
  readonly seed: number
  /** Null where there are no folds. */
  readonly fold: Fold | null
  /** Resolved values, flat. */
  readonly values: Readonly<Record<string, string>>
}

export interface NamedGroup<Run extends Configured> {
  readonly name: string
  readonly runs: readonly Run[]
}

/** Values that make no other variant: names and words, and where and how fast it was computed. */
const free = /^(version|seed|name|description)$|^(tracking|rules|runtime)(\.|$)|^evaluation\.batchSize$|^split\.fold$/

/**
 * Groups in the order of their first runs, named after their files, and where those are not enough after the values in which they differ. Where
 * all runs are one variant, each stands for itself: then it is the models that are compared, or the seeds with all their folds.
 */
export function groupRuns<Run extends Configured>(runs: readonly Run[]): NamedGroup<Run>[] {
  const byVariant = new Map<string, Run[]>()
  for (const run of runs) {
    const variant = JSON.stringify(Object.entries(decisive(run)).sort(([a], [b]) => (a < b ? -1 : 1)))
    byVariant.set(variant, [...(byVariant.get(variant) ?? []), run])
  }
  if (byVariant.size === 1) return eachForItself(runs)
  const groups = [...byVariant.values()]
  const changing = changingNames(groups.flatMap(([first]) => (first ? [decisive(first)] : [])))
  const names = unique(groups.map(([first]) => (first ? nameOf(first, groups, changing) : '')))
  return groups.map((members, index) => ({ name: names[index] ?? '', runs: members }))
}

/** Named by their seeds where these tell them apart. */
function eachForItself<Run extends Configured>(runs: readonly Run[]): NamedGroup<Run>[] {
  const nameBySeed = ({ name, seed }: Run): string => `${name} seed=${seed}`
  if (runs.every(({ fold }) => fold !== null)) {
    const names = [...new Set(runs.map(nameBySeed))]
    return names.map((name) => ({ name, runs: runs.filter((run) => nameBySeed(run) === name) }))
  }
  const areTold = new Set(runs.map(nameBySeed)).size === runs.length
  return runs.map((run) => ({ name: areTold ? nameBySeed(run) : run.run, runs: [run] }))
}

function decisive({ values }: Configured): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !free.test(name)))
}

function changingNames(variants: readonly Readonly<Record<string, string>>[]): string[] {
  const names = new Set(variants.flatMap((values) => Object.keys(values)))
  return [...names].filter((name) => new Set(variants.map((values) => values[name])).size > 1)
}

/** The longest value, and the most parts of a stack, that are still a name. */
const longest = { value: 24, parts: 3 } as const

function nameOf(run: Configured, groups: readonly (readonly Configured[])[], changing: readonly string[]): string {
  const isAlone = groups.filter((members) => members.some(({ name }) => name === run.name)).length === 1
  if (isAlone) return run.name
  const values = changing.flatMap((path) => {
    const value = run.values[path]
    if (value === undefined) return []
    const others = groups.flatMap(([first]) => (first?.values[path] === undefined ? [] : [first.values[path]]))
    return value.includes(' > ')
      ? ownParts(value, others)
      : value.length > longest.value
        ? []
        : [`${path.split('.').at(-1) ?? path}=${value}`]
  })
  return [run.name, ...values].join(' ')
}

/** Of a stack in one line, the layers that not every other stack has. */
function ownParts(stack: string, others: readonly string[]): string[] {
  const shared = others.map((other) => other.split(' > '))
  const own = [...new Set(stack.split(' > '))].filter((part) => !shared.every((parts) => parts.includes(part)))
  return own.length > longest.parts ? [] : [own.join(', ')].filter((text) => text !== '')
}

function unique(names: readonly string[]): string[] {
  return names.map((name, index) => {
    const earlier = names.slice(0, index).filter((other) => other === name).length
    return earlier === 0 ? name : `${name} (${earlier + 1})`
  })
}
