/** `runner compare`: runs, or groups of runs, on the images that all of them were asked about. */
import { Fault, type Diagnostic } from '../diagnostics/diagnostic.ts'
import { nearestWord } from '../diagnostics/nearest.ts'
import { compareGroups, type ComparedGroup, type Comparison } from '../evaluation/compare.ts'
import { comparedMetrics, isDefined, type ComparedMetric } from '../evaluation/compared-metric.ts'
import { groupRuns, type NamedGroup } from '../evaluation/group-runs.ts'
import { comparedImages, differencesAmong, withWholeSeeds, withoutLoneFold } from './compared-images.ts'
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
  const { runs, diagnostics: ofFold } = withoutLoneFold([
    ...new Map(found.flatMap(([, several]) => several.map((run) => [run.run, run]))).values(),
  ])
  const [first] = runs
  if (!first || runs.length < 2) throw usage('compare needs two runs or more', 'runner list shows them.')
  // 2. Of the same images, or not at all.
  const faults = differencesAmong(runs, split)
  if (faults.length > 0) throw new Fault(faults, 1)
  // 3. Groups, and what they are compared by.
  const runsNamed = (name: string): RunToCompare[] => {
    const ids = byName.get(name)?.map(({ run }) => run) ?? []
    return runs.filter(({ run }) => ids.includes(run))
  }
  const { groups, diagnostics: ofSeeds } = withWholeSeeds(
    named.length > 0
      ? [
          ...named.map((group) => ({ name: group.name, runs: group.runs.flatMap(runsNamed) })),
          ...request.runs.flatMap((name) => runsNamed(name).map((run) => ({ name: run.run, runs: [run] }))),
        ]
      : groupRuns(runs),
  )
  const diagnostics = [...ofFold, ...ofSeeds]
  if (diagnostics.length > 0) request.listen({ type: 'warnings', diagnostics, sources: new Map() })
  requireSoundGroups(groups)
  if (request.reference !== null) requireReference(request.reference, groups)
  const metric = metricNamed(request.metric, first.experiment.dataset.positive)
  // 4. From here on it is known what the test images say.
  const digests = new Set<string>()
  if (split === 'test') for (const { folder } of runs) digests.add(await journalTestReading(folder, 'compare', workspace))
  let readings = 0
  for (const digest of digests) readings += await testReadings(digest, workspace)
  const comparison = compareGroups({
    groups: groups.map(comparedGroup),
    images: comparedImages(runs, split),
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

function requireSoundGroups(groups: readonly NamedGroup<RunToCompare>[]): void {
  if (groups.length < 2) throw usage('compare needs two groups or more', 'Name more runs, or a second --group NAME=RUN,RUN.')
  const faults = groups.flatMap(({ name, runs }): Diagnostic[] => {
    const isLike = (a: RunToCompare, b: RunToCompare): boolean => a.seed === b.seed && a.fold?.number === b.fold?.number
    const twice = runs.find((run, index) => runs.slice(0, index).some((other) => isLike(run, other)))
    if (twice === undefined) return []
    const doubles = runs.filter((run) => isLike(run, twice)).map(({ run }) => run)
    const message = `${doubles.join(' and ')} in ${name} have the same seed ${twice.seed}: one training, which must not count twice`
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

function comparedGroup({ name, runs }: NamedGroup<RunToCompare>): ComparedGroup {
  return {
    name,
    runs: runs.map(({ run, seed, fold, threshold, images }) => ({
      run,
      seed,
      fold: fold?.number ?? null,
      threshold,
      probabilities: Float32Array.from(images.flatMap((image) => Array.from(image.probabilities))),
    })),
  }
}

function usage(message: string, hint: string): Fault {
  return new Fault([{ code: 'compare-usage', severity: 'error', message, hint }], 2)
}
