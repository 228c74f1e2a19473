/** What is wrong with the images, before anything is trained on them: counted, shown, and dealt with as the experiment says. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import type { Dataset, Located } from '../experiment/experiment.ts'
import type { Fact } from './image-reader.ts'
import { placeNear } from '../experiment/places.ts'
import type { Scan } from './scan.ts'

export interface Finding {
  readonly what:
    | 'unreadable'
    | 'odd size'
    | 'duplicate'
    | 'label conflict'
    | 'unmatched name'
    | 'unknown class'
    | 'not in manifest'
    | 'same bytes on two sides'
  readonly count: number
  /** A few, for a person to look at. */
  readonly examples: readonly string[]
  readonly done: string
}

type FaultKey = keyof Dataset['onFault']

export interface Audit {
  /** Images that stay. */
  readonly images: number
  readonly groups: number
  /** The size most images have, as width x height. */
  readonly usualSize: string
  readonly classCounts: readonly number[]
  readonly groupsWithOneClass: number
  readonly findings: readonly Finding[]
  /** Indices of the samples that stay, ascending. */
  readonly kept: readonly number[]
  readonly diagnostics: readonly Diagnostic[]
}

/** Examples of each finding. */
export const shown = 5

export function auditImages(scan: Scan, facts: readonly Fact[], located: Located): Audit {
  const { dataset } = located.experiment
  const { samples } = scan
  const { onFault } = dataset
  const path = (index: number): string => samples[index]?.path ?? ''
  const dropped = new Set<number>()
  const findings: Finding[] = []
  const diagnostics: Diagnostic[] = [...scan.diagnostics]

  const report = (
    what: Finding['what'],
    indices: readonly number[],
    policy: string,
    why: (index: number) => string,
    key: FaultKey,
  ): void => {
    if (indices.length === 0) return
    const examples = indices.slice(0, shown).map((index) => `${JSON.stringify(path(index))}${why(index)}`)
    findings.push({ what, count: indices.length, examples, done: policy === 'error' ? 'refused' : policy === 'skip' ? 'left out' : policy })
    if (policy === 'skip') for (const index of indices) dropped.add(index)
    if (policy === 'error')
      diagnostics.push({ ...refusal(what, indices.length, examples, key), ...placeNear(located, `dataset.onFault.${key}`) })
  }

  const reasonOf = (index: number): string => {
    const fact = facts[index]
    return fact && 'reason' in fact ? fact.reason : ''
  }
  const all = samples.map((_, index) => index)
  const unreadable = all.filter((index) => reasonOf(index) !== '')
  report('unreadable', unreadable, onFault.unreadable, (index) => `: ${reasonOf(index)}`, 'unreadable')
  const readable = all.filter((index) => reasonOf(index) === '')

  const sizeOf = (index: number): string => {
    const fact = facts[index]
    return fact && 'width' in fact ? `${fact.width}x${fact.height}` : ''
  }
  const usualSize = mostFrequent(readable.map(sizeOf))
  const odd = readable.filter((index) => sizeOf(index) !== usualSize)
  report('odd size', odd, onFault.oddSize === 'resize' ? 'resized' : onFault.oddSize, (index) => `: ${sizeOf(index)}`, 'oddSize')

  const { duplicates, conflicts } = sameBytes(
    readable,
    (index) => facts[index]?.sha256 ?? '',
    (index) => samples[index]?.class ?? -1,
  )
  report('duplicate', duplicates, onFault.duplicate === 'keep' ? 'kept' : onFault.duplicate, () => '', 'duplicate')
  report('label conflict', conflicts, onFault.conflict === 'keep' ? 'kept' : onFault.conflict, () => '', 'conflict')

  if (scan.unmatched.length > 0) {
    const examples = scan.unmatched.slice(0, shown).map((name) => JSON.stringify(name))
    findings.push({ what: 'unmatched name', count: scan.unmatched.length, examples, done: 'left out' })
  }
  for (const [folder, count] of scan.unknownClasses)
    findings.push({ what: 'unknown class', count, examples: [JSON.stringify(folder)], done: 'left out' })

  const kept = readable.filter((index) => !dropped.has(index))
  const classCounts = dataset.classes.map((_, index) => kept.filter((sample) => samples[sample]?.class === index).length)
  for (const [index, count] of classCounts.entries())
    if (count === 0) diagnostics.push({ ...emptyClass(dataset, index, scan), ...placeNear(located, `dataset.classes.${index}`) })
  const classesOfGroup = new Map<string, Set<number>>()
  for (const index of kept) {
    const sample = samples[index]
    if (!sample) continue
    classesOfGroup.set(sample.group, (classesOfGroup.get(sample.group) ?? new Set()).add(sample.class))
  }
  return {
    images: kept.length,
    groups: classesOfGroup.size,
    usualSize,
    classCounts,
    groupsWithOneClass: [...classesOfGroup.values()].filter((classes) => classes.size === 1).length,
    findings,
    kept,
    diagnostics,
  }
}

/** What each key of `onFault` refuses, and what it is most often wished to say instead of error. */
const refusals = {
  unreadable: { code: 'data-unreadable', way: 'skip' },
  oddSize: { code: 'data-odd-size', way: 'resize' },
  duplicate: { code: 'data-duplicate', way: 'skip' },
  conflict: { code: 'data-conflict', way: 'skip' },
} as const satisfies Record<FaultKey, { code: string; way: string }>

function refusal(what: Finding['what'], count: number, examples: readonly string[], key: FaultKey): Diagnostic {
  const more = count > examples.length ? `, and ${count - examples.length} more` : ''
  return {
    code: refusals[key].code,
    severity: 'error',
    message: `${count} ${count === 1 ? 'image' : 'images'} with ${what === 'unreadable' ? 'unreadable content' : what}: ${examples.join('; ')}${more}`,
    hint: `Mend or remove them, or say what to do with them: dataset.onFault: { ${key}: ${refusals[key].way} }.`,
  }
}

function emptyClass(dataset: Dataset, index: number, scan: Scan): Diagnostic {
  const found = dataset.classes[index]
  const others = [...scan.unknownClasses.keys()]
  const hint =
    scan.samples.length === 0 && scan.unmatched.length > 0
      ? `No file fits the layout ${JSON.stringify(dataset.layout)}; one of them is ${JSON.stringify(scan.unmatched[0])}.`
      : others.length > 0
        ? `Folders that are there and not in dataset.classes: ${others.map((name) => JSON.stringify(name)).join(', ')}.`
        : 'Look at dataset.root, dataset.layout and the folder of the class.'
  return {
    code: 'class-empty',
    severity: 'error',
    message: `class ${JSON.stringify(found?.name)} (folder ${JSON.stringify(found?.folder)}) has no images`,
    hint,
  }
}

function mostFrequent(values: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))[0]?.[0] ?? ''
}

/** Images whose bytes were seen before under the same class, and all images whose bytes stand under two classes. */
function sameBytes(
  indices: readonly number[],
  hashOf: (index: number) => string,
  classOf: (index: number) => number,
): { duplicates: number[]; conflicts: number[] } {
  const byHash = new Map<string, number[]>()
  for (const index of indices) byHash.set(hashOf(index), [...(byHash.get(hashOf(index)) ?? []), index])
  const duplicates: number[] = []
  const conflicts: number[] = []
  for (const same of byHash.values()) {
    if (same.length === 1) continue
    if (new Set(same.map(classOf)).size > 1) conflicts.push(...same)
    else duplicates.push(...same.slice(1))
  }
  return { duplicates: duplicates.sort((a, b) => a - b), conflicts: conflicts.sort((a, b) => a - b) }
}

/** The audit as a table: counts first, examples after. */
export function renderAudit(audit: Audit, dataset: Pick<Dataset, 'classes'>): string {
  const classes = dataset.classes.map(({ name }, index) => `${name} ${audit.classCounts[index] ?? 0}`).join(', ')
  const head = `${audit.images} images of ${audit.usualSize} (${classes}), ${audit.groups} groups, ${audit.groupsWithOneClass} of them with one class only`
  const table = audit.findings.map(({ what, count, done }) => `  ${String(count).padStart(6)}  ${what.padEnd(16)}${done}`)
  const examples = audit.findings.flatMap(({ what, examples: list }) => [`${what}:`, ...list.map((example) => `  ${example}`)])
  return `${[head, ...table, ...(examples.length > 0 ? [''] : []), ...examples].join('\n')}\n`
}
