/** From the experiment's `dataset` and `split` to a pack and a manifest: scan, read, audit, split, pack. */
import { readFile, stat } from 'node:fs/promises'
import { basename, isAbsolute, join, resolve } from 'node:path'
import type { Diagnostic, Outcome } from '../diagnostics/diagnostic.ts'
import type { Experiment, Located, Split } from '../experiment/experiment.ts'
import { auditImages, type Audit } from './audit.ts'
import { takeInventory, type Inventory, type ReadProgress } from './inventory.ts'
import { manifestOf, readManifest } from './manifest-csv.ts'
import { splitNames, type Manifest, type ManifestRow, type Pack, type SplitName } from './manifest.ts'
import { packRows } from './pack.ts'
import { scanDataset, type Sample, type Scan } from './scan.ts'
import { splitByGroup, splitByImage } from './split.ts'
import { makeSynthetic } from './synthetic.ts'

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
}

export async function prepareDataset(located: Located, options: PrepareOptions): Promise<Outcome<PreparedDataset>> {
  const { experiment } = located
  const { dataset, split } = experiment
  // 1. The root, or the stand-in for a default that is absent.
  const found = await findRoot(located, options)
  if (!found.value) return { diagnostics: found.diagnostics }
  const { root, isSynthetic } = found.value
  // 2. Names, then every file once.
  const scan = await scanDataset(
    root,
    dataset.layout,
    dataset.classes.map(({ folder }) => folder),
  )
  const inventory = await takeInventory(scan.samples, {
    root,
    size: dataset.image,
    cache: options.cache,
    onProgress: (progress) => options.onProgress({ what: 'reading images', ...progress }),
  })
  // 3. What is wrong with them.
  const audit = auditImages(scan, inventory.facts, dataset)
  if (audit.diagnostics.length > 0) return { diagnostics: audit.diagnostics }
  // 4. Who is on which side.
  const rows = await splitRows(experiment, scan, inventory, audit)
  if (!rows.value) return { diagnostics: rows.diagnostics }
  const manifest = manifestOf(rows.value)
  const counts = countSplits(manifest, dataset.classes.length)
  const faults = judgeSplits(experiment, counts)
  if (faults.length > 0) return { diagnostics: faults }
  // 5. The pixels in the manifest's order.
  const indexOf = new Map(scan.samples.map((sample, index) => [sample.path, index]))
  const indices = manifest.rows.map(({ path }) => indexOf.get(path) ?? -1)
  const pack = await packRows(inventory, indices, dataset.image, options.cache)
  const places = indices.map((index) => placeOf(scan.samples[index]))
  const leakage = split.kind === 'draw' ? split.allowLeakage : null
  return { value: { root, isSynthetic, leakage, audit, manifest, pack, counts, places }, diagnostics: [] }
}

function placeOf(sample: Sample | undefined): { x: number; y: number } | null {
  return sample && sample.x !== null && sample.y !== null ? { x: sample.x, y: sample.y } : null
}

async function findRoot(
  { experiment: { dataset }, places }: Located,
  { home, onProgress }: PrepareOptions,
): Promise<Outcome<{ root: string; isSynthetic: boolean }>> {
  const root = isAbsolute(dataset.root) ? dataset.root : resolve(home, dataset.root)
  const isFolder = await stat(root).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (isFolder) return { value: { root, isSynthetic: false }, diagnostics: [] }
  if (dataset.isDefaultRoot && dataset.whenMissing === 'synthetic') {
    const made = await makeSynthetic(dataset, {
      folder: join(home, 'datasets'),
      onProgress: (progress) => onProgress({ what: 'making synthetic patches', ...progress }),
    })
    return { value: { root: made, isSynthetic: true }, diagnostics: [] }
  }
  const place = places.get('dataset.root')
  const variable = /\$\{(\w+)/.exec(dataset.rootAsWritten)?.[1]
  const fault: Diagnostic = {
    code: 'dataset-missing',
    severity: 'error',
    message: `there is no folder ${dataset.root}`,
    ...(place ? { place } : {}),
    hint:
      variable === undefined
        ? 'Relative roots start at the project; correct dataset.root, or give --set dataset.root=FOLDER.'
        : `Set ${variable} to the folder of the images, or give --set dataset.root=FOLDER.`,
  }
  return { diagnostics: [fault] }
}

async function splitRows(experiment: Experiment, scan: Scan, inventory: Inventory, audit: Audit): Promise<Outcome<readonly ManifestRow[]>> {
  const { split, dataset, seed } = experiment
  const kept = audit.kept.flatMap((index) => {
    const sample = scan.samples[index]
    return sample ? [{ sample, sha256: inventory.facts[index]?.sha256 ?? '' }] : []
  })
  const rowsOf = (splits: readonly SplitName[]): ManifestRow[] =>
    kept.map(({ sample, sha256 }, index) => ({
      path: sample.path,
      sha256,
      group: sample.group,
      class: sample.class,
      label: dataset.classes[sample.class]?.name ?? '',
      split: splits[index] ?? 'train',
    }))
  switch (split.kind) {
    case 'manifest':
      return matchManifest(split, rowsOf([]))
    case 'layout':
      return layoutSplits(kept, rowsOf)
    case 'draw': {
      const samples = kept.map(({ sample }) => sample)
      const draw = split.by === 'image' ? splitByImage : splitByGroup
      return { value: rowsOf(draw(samples, dataset.classes.length, split, seed, split.stratify)), diagnostics: [] }
    }
  }
}

/** The given rows, as long as the images are those that were split. */
async function matchManifest(
  split: Extract<Split, { kind: 'manifest' }>,
  present: readonly ManifestRow[],
): Promise<Outcome<readonly ManifestRow[]>> {
  const name = basename(split.manifest)
  let text: string
  try {
    text = await readFile(split.manifest, 'utf8')
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error)
    return {
      diagnostics: [{ code: 'manifest-missing', severity: 'error', message: `split.manifest ${split.manifest} cannot be read: ${why}` }],
    }
  }
  const read = readManifest(text, name)
  if (!read.value || read.diagnostics.length > 0) return { diagnostics: read.diagnostics }
  const byPath = new Map(present.map((row) => [row.path, row]))
  const faults = new Map<string, string[]>()
  const note = (kind: string, path: string): void => void faults.set(kind, [...(faults.get(kind) ?? []), path])
  const rows = read.value.flatMap((row) => {
    const own = byPath.get(row.path)
    if (!own) note('is not among the images', row.path)
    else if (own.sha256 !== row.sha256) note('has other bytes than when it was split', row.path)
    else if (own.class !== row.class) note('has another class than its folder says', row.path)
    return own ? [{ ...own, group: row.group, split: row.split }] : []
  })
  const diagnostics = [...faults].map(([kind, paths]): Diagnostic => ({
    code: 'manifest-mismatch',
    severity: 'error',
    message: `${name}: ${JSON.stringify(paths[0])} ${kind}${paths.length > 1 ? `, and ${paths.length - 1} more` : ''}`,
    hint: 'The manifest belongs to other data, or the data have changed; correct dataset.root, or split anew.',
  }))
  return diagnostics.length > 0 ? { diagnostics } : { value: rows, diagnostics: [] }
}

const layoutNames: Readonly<Record<string, SplitName>> = {
  train: 'train',
  training: 'train',
  validation: 'validation',
  valid: 'validation',
  val: 'validation',
  test: 'test',
  testing: 'test',
}

function layoutSplits(
  kept: readonly { readonly sample: Sample }[],
  rowsOf: (splits: readonly SplitName[]) => ManifestRow[],
): Outcome<readonly ManifestRow[]> {
  const splits = kept.map(({ sample }) => layoutNames[sample.split ?? ''])
  const unknown = kept.find((_, index) => splits[index] === undefined)
  if (unknown)
    return {
      diagnostics: [
        {
          code: 'split-unknown',
          severity: 'error',
          message: `${JSON.stringify(unknown.sample.path)} has the split ${JSON.stringify(unknown.sample.split)}`,
          hint: `{split} is one of ${Object.keys(layoutNames).join(', ')}.`,
        },
      ],
    }
  return { value: rowsOf(splits.map((split) => split ?? 'train')), diagnostics: [] }
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
function judgeSplits({ dataset }: Experiment, counts: Record<SplitName, SplitCounts>): Diagnostic[] {
  return splitNames.flatMap((split) =>
    counts[split].classes.flatMap((count, index) =>
      count > 0
        ? []
        : [
            {
              code: 'split-class-missing',
              severity: 'error' as const,
              message: `the ${split} split has no image of class ${JSON.stringify(dataset.classes[index]?.name)}`,
              hint: 'Raise its share under split, or add groups that have the class.',
            },
          ],
    ),
  )
}
