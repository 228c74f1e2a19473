/** `runner compare`: runs, or groups of runs, on the images that all of them were asked about. */
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import { nearestWord } from '../diagnostics/nearest.ts'
import { compareGroups, type ComparedGroup, type Comparison } from '../evaluation/compare.ts'
import { comparedMetrics, isDefined, type ComparedImages, type ComparedMetric } from '../evaluation/compared-metric.ts'
import { groupRuns, type NamedGroup } from '../evaluation/group-runs.ts'
import { differencesOf, sizeOf, wordOf } from '../evaluation/same-images.ts'
import { readRunsToCompare, type RunToCompare } from './compared-run.ts'
import { groupWord } from './plan.ts'
import type { Listener } from './story.ts'
import { journalTestReading, testReadings } from './test-reading.ts'
import type { Workspace } from './workspace.ts'

export type ComparedSplit = 'validation' | 'test'

export interface CompareRequest {
  /** Ids, beginnings of ids, folders of runs, folders with runs in them. */
  readonly runs: readonly string[]
  /** `NAME=RUN,RUN`: then nothing is grouped by itself. */
  readonly groups: readonly string[]
  readonly split: ComparedSplit
  /** Null: the area under the ROC curve where a class is positive, else balanced accuracy. */
  readonly metric: string | null
  /** The group against which every other is compared; null compares all pairs. */
  readonly reference: string | null
  readonly workspace: Workspace
  readonly listen: Listener
}

export interface ComparedRuns {
  readonly split: ComparedSplit
  /** How often the test images of a run have been read by now, at most; 0 on validation. */
  readonly testReadings: number
  readonly comparison: Comparison
  readonly runs: readonly RunToCompare[]
  /** What makes the numbers mean something else: `synthetic`, `leakage`. */
  readonly caveats: readonly string[]
}

/** Throws `Fault` where a run cannot be used, or where the runs cannot be held against each other. */
export async function compareRuns(request: CompareRequest): Promise<ComparedRuns> {
  const { split, workspace } = request
  // 1. The runs, each once.
  const named = request.groups.map(parseGroup)
  const names = [...new Set([...request.runs, ...named.flatMap(({ runs }) => runs)])]
  const found = await Promise.all(names.map(async (name) => [name, await readRunsToCompare(name, split, request)] as const))
  const byName = new Map(found)
  const runs = [...new Map(found.flatMap(([, several]) => several.map((run) => [run.run, run]))).values()]
  const [first] = runs
  if (!first || runs.length < 2) throw usage('compare needs two runs or more', 'runner list shows them.')
  // 2. Of the same images, or not at all.
  const faults = runs.slice(1).flatMap((run) => differencesBetween(first, run, split))
  if (faults.length > 0) throw new Fault(faults, 1)
  // 3. Groups, and what they are compared by.
  const groups =
    named.length > 0
      ? [
          ...named.map((group) => ({ name: group.name, runs: group.runs.flatMap((name) => byName.get(name) ?? []) })),
          ...request.runs.flatMap((name) => (byName.get(name) ?? []).map((run) => ({ name: run.run, runs: [run] }))),
        ]
      : groupRuns(runs)
  requireSoundGroups(groups)
  if (request.reference !== null) requireReference(request.reference, groups)
  const images = imagesOf(first)
  const metric = metricNamed(request.metric, images.positive)
  // 4. From here on it is known what the test images say.
  const digests = new Set<string>()
  if (split === 'test') for (const { folder } of runs) digests.add(await journalTestReading(folder, 'compare', workspace))
  let readings = 0
  for (const digest of digests) readings += await testReadings(digest, workspace)
  const comparison = compareGroups({
    groups: groups.map(comparedGroup),
    images,
    metric,
    reference: request.reference,
    units: groupWord(first.experiment) ?? 'images',
  })
  return { split, testReadings: readings, comparison, runs, caveats: [...new Set(runs.flatMap(({ caveats }) => caveats))] }
}

function parseGroup(text: string): { readonly name: string; readonly runs: readonly string[] } {
  const [name = '', list = ''] = text.split(/=(.*)/s)
  const runs = list.split(',').filter((run) => run !== '')
  if (name === '' || runs.length === 0)
    throw usage(`a group is written NAME=RUN,RUN, and this is ${JSON.stringify(text)}`, '--group baseline=20261123-1,20261123-2')
  return { name, runs }
}

function differencesBetween(a: RunToCompare, b: RunToCompare, split: ComparedSplit): Diagnostic[] {
  const [classesOfA, classesOfB] = [a, b].map(({ experiment: { dataset } }) =>
    dataset.classes.map(({ name }, index) => (index === dataset.positive ? `${name} (positive)` : name)).join(', '),
  )
  if (classesOfA !== classesOfB)
    return [
      {
        code: 'compare-differs',
        severity: 'error',
        message: `${a.run} and ${b.run} tell other classes apart`,
        expected: classesOfA ?? '',
        received: classesOfB ?? '',
        hint: 'Only runs with the same classes, in one order, can be compared.',
      },
    ]
  const differences = differencesOf(a.images, b.images)
  if (differences.length === 0) return []
  return [
    {
      code: 'compare-differs',
      severity: 'error',
      message: `${a.run} and ${b.run} have other ${wordOf[split]} images: ${differences.join('; ')}`,
      expected: sizeOf(a.images),
      received: sizeOf(b.images),
      hint: 'Train on one split: split: { seed: 7 } in both files, or split: { manifest: … } with the split.csv of the first run.',
    },
  ]
}

function requireSoundGroups(groups: readonly NamedGroup<RunToCompare>[]): void {
  if (groups.length < 2) throw usage('compare needs two groups or more', 'Name more runs, or a second --group NAME=RUN,RUN.')
  const faults = groups.flatMap(({ name, runs }): Diagnostic[] => {
    const seeds = runs.map(({ seed }) => seed)
    const twice = seeds.find((seed, index) => seeds.indexOf(seed) < index)
    if (twice === undefined) return []
    const doubles = runs.filter(({ seed }) => seed === twice).map(({ run }) => run)
    const message = `${doubles.join(' and ')} in ${name} have the same seed ${twice}: one training, which must not count twice`
    return [{ code: 'compare-seed-twice', severity: 'error', message, hint: 'Leave all but one of them out.' }]
  })
  const names = groups.map(({ name }) => name)
  const double = names.find((name, index) => names.indexOf(name) < index)
  if (double !== undefined) throw usage(`two groups are called ${JSON.stringify(double)}`, 'Give each --group a name of its own.')
  if (faults.length > 0) throw new Fault(faults, 1)
}

function requireReference(reference: string, groups: readonly NamedGroup<RunToCompare>[]): void {
  const names = groups.map(({ name }) => name)
  if (!names.includes(reference)) throw usage(`there is no group ${JSON.stringify(reference)}`, `The groups are ${names.join(', ')}.`)
}

function metricNamed(name: string | null, positive: number | null): ComparedMetric {
  if (name === null) return positive === null ? 'balanced_accuracy' : 'roc_auc'
  const known = comparedMetrics.filter((metric) => isDefined(metric, positive))
  const metric = known.find((one) => one === name)
  if (metric !== undefined) return metric
  const meant = nearestWord(name, known)
  throw usage(
    `runs are not compared by ${JSON.stringify(name)}`,
    meant === undefined ? `Metrics are ${known.join(', ')}.` : `Did you mean "${meant}"?`,
  )
}

function imagesOf({ images, experiment: { dataset } }: RunToCompare): ComparedImages {
  const groups = [...new Set(images.map(({ group }) => group))]
  const numberOf = new Map(groups.map((group, index) => [group, index]))
  return {
    labels: Int32Array.from(images, (image) => image.class),
    patientOf: Int32Array.from(images, ({ group }) => numberOf.get(group) ?? 0),
    patients: groups.length,
    classes: dataset.classes.map(({ name }) => name),
    positive: dataset.positive,
  }
}

function comparedGroup({ name, runs }: NamedGroup<RunToCompare>): ComparedGroup {
  return {
    name,
    runs: runs.map(({ run, seed, threshold, images }) => ({
      run,
      seed,
      threshold,
      probabilities: Float32Array.from(images.flatMap((image) => Array.from(image.probabilities))),
    })),
  }
}

function usage(message: string, hint: string): Fault {
  return new Fault([{ code: 'compare-usage', severity: 'error', message, hint }], 2)
}
