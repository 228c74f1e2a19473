/** From the experiment's `dataset` and `split` to a manifest and a pack: scan, read, audit, split, pack. */
import type { Diagnostic, Outcome } from '../diagnostics/diagnostic.ts'
import { foldOf, type DrawnSplit, type Experiment, type Fold, type Located } from '../experiment/experiment.ts'
import { layoutGroups } from '../experiment/layout.ts'
import { auditImages, shown, type Audit, type Finding } from './audit.ts'
import { findRoot } from './find-root.ts'
import { rowsOfLayout, rowsOfManifest, type Assigned, type Present } from './given-split.ts'
import { takeInventory, type Inventory, type ReadProgress } from './inventory.ts'
import { manifestOf } from './manifest-csv.ts'
import { splitNames, type Manifest, type ManifestRow, type Pack, type SplitName } from './manifest.ts'
import { packRows } from './pack.ts'
import { placeNear } from '../experiment/places.ts'
import { scanDataset, type Sample, type Scan } from './scan.ts'
import { splitByFold } from './folds.ts'
import { splitByGroup, splitByImage } from './split.ts'
import { writingFault } from './system-error.ts'

export interface PreparedDataset {
  readonly root: string
  readonly isSynthetic: boolean
  /** The reason that was given for images of one group on both sides. */
  readonly leakage: string | null
  readonly audit: Audit
  readonly manifest: Manifest
  readonly pack: Pack
  readonly counts: Readonly<Record<SplitName, SplitCounts>>
  /** Place of each row of the manifest on its slide, null where the layout has none. */
  readonly places: readonly ({ readonly x: number; readonly y: number } | null)[]
}

export interface SplitCounts {
  readonly classes: readonly number[]
  readonly groups: number
}

export type PrepareProgress = ReadProgress & { readonly what: 'making synthetic patches' | 'reading images' }

export interface PrepareOptions {
  /** Where relative roots start, and where synthetic data are made. */
  readonly home: string
  /** Folder of the packs. */
  readonly cache: string
  readonly onProgress: (progress: PrepareProgress) => void
  /** Ends the reading; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Data that nothing is trained on: every image is in the test split, whatever the file says. Default false. */
  readonly isForeign?: boolean
}

/** Faults of the data and the split are the experiment's; `disk-full` and `folder-unwritable` are the machine's. */
export async function prepareDataset(located: Located, options: PrepareOptions): Promise<Outcome<PreparedDataset>> {
  let writesTo = options.home
  try {
    // 1. The root, or the stand-in for a default that is absent.
    const found = await findRoot(located, options.home, (progress) => options.onProgress({ what: 'making synthetic patches', ...progress }))
    if (!found.value) return { diagnostics: found.diagnostics }
    writesTo = options.cache
    return await prepareRoot(located, found.value, options)
  } catch (error) {
    const fault = writingFault(error, writesTo)
    if (fault) return { diagnostics: [fault] }
    throw error
  }
}

async function prepareRoot(
  located: Located,
  { root, isSynthetic }: { readonly root: string; readonly isSynthetic: boolean },
  { cache, onProgress, signal, isForeign = false }: PrepareOptions,
): Promise<Outcome<PreparedDataset>> {
  const { dataset, split } = located.experiment
  const { image: size, layout } = dataset
  // 2. Names, then every file once.
  const scan = await scanDataset(root, {
    layout,
    classFolders: dataset.classes.map(({ folder }) => folder),
    groupName: groupOf(located.experiment),
  })
  const inventory = await takeInventory(scan.samples, {
    root,
    size,
    cache,
    onProgress: (progress) => onProgress({ what: 'reading images', ...progress }),
    signal,
  })
  // 3. What is wrong with them.
  const audit = auditImages(scan, inventory.facts, located)
  if (audit.diagnostics.length > 0) return { diagnostics: audit.diagnostics }
  // 4. Who is on which side.
  const present = presentImages(scan, inventory, audit, dataset.classes)
  const assigned = isForeign ? allToTest(present) : await assignSplits(located.experiment, present)
  if (!assigned.value)
    return {
      diagnostics: assigned.diagnostics.map((fault) => ({
        ...placeNear(located, split.kind === 'manifest' ? 'split.manifest' : 'split'),
        ...fault,
      })),
    }
  const manifest = manifestOf(assigned.value.rows)
  const counts = countSplits(manifest, dataset.classes.length)
  const faults = isForeign ? [] : judgeSplits(located, manifest, counts)
  if (faults.length > 0) return { diagnostics: faults }
  const findings = [...audit.findings, ...assigned.value.findings, ...sharedBytes(manifest)]
  // 5. The pixels in the manifest's order.
  const indexOf = new Map(scan.samples.map((sample, index) => [sample.path, index]))
  const indices = manifest.rows.map(({ path }) => indexOf.get(path) ?? -1)
  const pack = await packRows(inventory, manifest, indices, size, cache)
  const places = indices.map((index) => placeOnSlide(scan.samples[index]))
  const leakage = split.kind === 'draw' ? split.allowLeakage : null
  return { value: { root, isSynthetic, leakage, audit: { ...audit, findings }, manifest, pack, counts, places }, diagnostics: [] }
}

/** What the split is drawn by; else the layout's first group. */
function groupOf({ split, dataset }: Experiment): string | null {
  return split.kind === 'draw' && split.by !== 'image' ? split.by : (layoutGroups(dataset.layout)[0] ?? null)
}

function placeOnSlide(sample: Sample | undefined): { x: number; y: number } | null {
  return sample && sample.x !== null && sample.y !== null ? { x: sample.x, y: sample.y } : null
}

function presentImages(scan: Scan, inventory: Inventory, audit: Audit, classes: Experiment['dataset']['classes']): Present[] {
  return audit.kept.flatMap((index): Present[] => {
    const sample = scan.samples[index]
    if (!sample) return []
    const { path, group, class: own, split: layoutSplit } = sample
    return [{ path, sha256: inventory.facts[index]?.sha256 ?? '', group, class: own, label: classes[own]?.name ?? '', layoutSplit }]
  })
}

async function assignSplits({ split, dataset }: Experiment, present: readonly Present[]): Promise<Outcome<Assigned>> {
  switch (split.kind) {
    case 'manifest':
      return rowsOfManifest(
        split.manifest,
        present,
        dataset.classes.map(({ name }) => name),
      )
    case 'layout':
      return rowsOfLayout(present)
    case 'draw': {
      const { by, seed, stratify, fold } = split
      const classes = dataset.classes.length
      const whole = (by === 'image' ? splitByImage : splitByGroup)(present, classes, split, seed, stratify)
      const fewer = fold && tooFewForFolds(present, whole, split, fold)
      if (fewer) return { diagnostics: [fewer] }
      const splits = fold ? splitByFold(present, whole, classes, split, fold) : whole
      return { value: { rows: present.map((image, index) => rowOf(image, splits[index] ?? 'train')), findings: [] }, diagnostics: [] }
    }
  }
}

/** Null where every fold gets somebody. */
function tooFewForFolds(present: readonly Present[], splits: readonly SplitName[], { by }: DrawnSplit, fold: Fold): Diagnostic | null {
  const rest = present.filter((_, index) => splits[index] !== 'test')
  const count = by === 'image' ? rest.length : new Set(rest.map(({ group }) => group)).size
  if (count >= fold.of) return null
  return {
    code: 'split-folds',
    severity: 'error',
    message: `${fold.of} folds need ${fold.of} ${by}s beside those of the test, and there are ${count}`,
    hint: 'Ask for fewer folds, or keep less for the test.',
  }
}

function allToTest(present: readonly Present[]): Outcome<Assigned> {
  return { value: { rows: present.map((image) => rowOf(image, 'test')), findings: [] }, diagnostics: [] }
}

function rowOf({ path, sha256, group, class: own, label }: Present, split: SplitName): ManifestRow {
  return { path, sha256, group, class: own, label, split }
}

function countSplits(manifest: Manifest, classes: number): Record<SplitName, SplitCounts> {
  const count = (split: SplitName): SplitCounts => {
    const rows = manifest.rows.filter((row) => row.split === split)
    return {
      classes: Array.from({ length: classes }, (_, index) => rows.filter((row) => row.class === index).length),
      groups: new Set(rows.map(({ group }) => group)).size,
    }
  }
  return { train: count('train'), validation: count('validation'), test: count('test') }
}

/** Every class has to be on every side: no metric of a side without a class means anything. */
function judgeSplits(located: Located, manifest: Manifest, counts: Record<SplitName, SplitCounts>): Diagnostic[] {
  const fold = foldOf(located.experiment)
  return located.experiment.dataset.classes.flatMap(({ name }, index) => {
    const without = splitNames.filter((split) => counts[split].classes[index] === 0)
    if (without.length === 0) return []
    const groups = new Set(manifest.rows.flatMap((row) => (row.class === index ? [row.group] : []))).size
    return [
      {
        code: 'split-class-missing',
        severity: 'error' as const,
        message: `no image of class ${JSON.stringify(name)} is in ${without.join(' and ')}${fold ? ` of fold ${fold.number}` : ''}`,
        ...placeNear(located, 'split'),
        hint: wayToClass(groups, fold),
      },
    ]
  })
}

function wayToClass(groups: number, fold: Fold | null): string {
  const sides = fold ? fold.of + 1 : splitNames.length
  const all = fold ? `${fold.of} folds and the test` : `${sides} sides`
  const only = `Only ${groups} ${groups === 1 ? 'group has' : 'groups have'} the class, and ${all} need one each: add groups`
  if (groups < sides) return fold ? `${only}, or ask for fewer folds.` : `${only}.`
  return fold ? 'Ask for fewer folds, or give the split another seed.' : 'Raise the shares under split, or choose a split that has it.'
}

/** Images of different groups may be the same, byte for byte: then one side knows what the other is asked. */
function sharedBytes(manifest: Manifest): Finding[] {
  const splitsOf = new Map<string, Set<SplitName>>()
  for (const { sha256, split } of manifest.rows) splitsOf.set(sha256, (splitsOf.get(sha256) ?? new Set()).add(split))
  const shared = manifest.rows.filter(({ sha256 }) => (splitsOf.get(sha256)?.size ?? 0) > 1)
  if (shared.length === 0) return []
  const examples = shared.slice(0, shown).map(({ path, split }) => `${JSON.stringify(path)} in ${split}`)
  return [{ what: 'same bytes on two sides', count: shared.length, examples, done: 'kept' }]
}
