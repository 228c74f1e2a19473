/** The images that runs are compared on: the same for all of them, or in cross-validation the same for all of one fold. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import type { ComparedImages } from '../evaluation/compared-metric.ts'
import type { NamedGroup } from '../evaluation/group-runs.ts'
import { differencesOf, sizeOf, wordOf } from '../evaluation/same-images.ts'
import type { RunToCompare } from './compared-run.ts'

type Split = 'validation' | 'test'

/** Runs of one fold only stand for themselves, which is said: without the other folds theirs is a plain validation. */
export function withoutLoneFold(runs: readonly RunToCompare[]): {
  readonly runs: readonly RunToCompare[]
  readonly diagnostics: readonly Diagnostic[]
} {
  const [{ fold } = { fold: null }] = runs
  if (!fold || runs.some((run) => run.fold?.number !== fold.number || run.fold.of !== fold.of)) return { runs, diagnostics: [] }
  const message = `all of these runs are fold ${fold.number} of ${fold.of}: they are compared on its validation alone`
  const hint = 'With all folds every patient whom the test leaves has a say.'
  return {
    runs: runs.map((run) => ({ ...run, fold: null })),
    diagnostics: [{ code: 'compare-one-fold', severity: 'note', message, hint }],
  }
}

/** What keeps the runs from being held against each other. On test all folds have the same images. */
export function differencesAmong(runs: readonly RunToCompare[], split: Split): Diagnostic[] {
  const [first] = runs
  if (!first) return []
  const odd = runs.find(({ fold }) => fold?.of !== first.fold?.of)
  if (odd) return [otherFolds(first, odd)]
  const byFold = new Map<number, RunToCompare>()
  return runs.flatMap((run) => {
    const fold = split === 'test' ? 1 : (run.fold?.number ?? 1)
    const like = byFold.get(fold)
    if (!like) byFold.set(fold, run)
    const classes = run === first ? [] : differentClasses(first, run)
    return classes.length > 0 ? classes : like ? differentImages(like, run, split) : []
  })
}

function otherFolds(a: RunToCompare, b: RunToCompare): Diagnostic {
  const say = ({ fold }: RunToCompare): string => (fold ? `fold ${fold.number} of ${fold.of}` : 'no fold')
  return {
    code: 'compare-differs',
    severity: 'error',
    message: `${a.run} and ${b.run} are not of one cross-validation`,
    expected: say(a),
    received: say(b),
    hint: 'Compare variants with as many folds each: sweep: { folds: 5 } trains all of them.',
  }
}

function differentClasses(a: RunToCompare, b: RunToCompare): Diagnostic[] {
  const [classesOfA = '', classesOfB = ''] = [a, b].map(({ experiment: { dataset } }) =>
    dataset.classes.map(({ name }, index) => (index === dataset.positive ? `${name} (positive)` : name)).join(', '),
  )
  if (classesOfA === classesOfB) return []
  return [
    {
      code: 'compare-differs',
      severity: 'error',
      message: `${a.run} and ${b.run} tell other classes apart`,
      expected: classesOfA,
      received: classesOfB,
      hint: 'Only runs with the same classes, in one order, can be compared.',
    },
  ]
}

function differentImages(a: RunToCompare, b: RunToCompare, split: Split): Diagnostic[] {
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

export interface WholeSeeds {
  readonly groups: readonly NamedGroup<RunToCompare>[]
  /** Seeds that lack a fold, and so say nothing of some patients: left out. */
  readonly diagnostics: readonly Diagnostic[]
}

export function withWholeSeeds(groups: readonly NamedGroup<RunToCompare>[]): WholeSeeds {
  const diagnostics: Diagnostic[] = []
  const whole = groups.map(({ name, runs }) => {
    const seeds = [...new Set(runs.map(({ seed }) => seed))]
    const lacking = seeds.filter((seed) => {
      const own = runs.filter((run) => run.seed === seed)
      const missing = foldsOf(own).filter((number) => !own.some(({ fold }) => fold?.number === number))
      if (missing.length > 0) diagnostics.push(missingFolds(name, seed, missing))
      return missing.length > 0
    })
    return { name, runs: runs.filter(({ seed }) => !lacking.includes(seed)) }
  })
  return { groups: whole.filter(({ runs }) => runs.length > 0), diagnostics }
}

function foldsOf([first]: readonly RunToCompare[]): number[] {
  return Array.from({ length: first?.fold?.of ?? 0 }, (_, index) => index + 1)
}

function missingFolds(group: string, seed: number, missing: readonly number[]): Diagnostic {
  const which = `${missing.length === 1 ? 'fold' : 'folds'} ${missing.join(', ')}`
  return {
    code: 'compare-fold-missing',
    severity: 'warning',
    message: `seed ${seed} of ${JSON.stringify(group)} is left out: ${which} ${missing.length === 1 ? 'is' : 'are'} missing, and other patients cannot stand in for theirs`,
    hint: 'Run the sweep again: what is missing is trained.',
  }
}

/** Of every fold, from the first; patients are numbered through all of them. One, where there are no folds; on test the same for all. */
export function comparedImages(runs: readonly RunToCompare[], split: Split): ComparedImages[] {
  const [first] = runs
  if (!first) return []
  const folds = foldsOf(runs)
  const ofFolds =
    folds.length === 0 || split === 'test' ? [first] : folds.flatMap((number) => runs.find(({ fold }) => fold?.number === number) ?? [])
  const groups = [...new Set(ofFolds.flatMap(({ images }) => images.map(({ group }) => group)))]
  const numberOf = new Map(groups.map((group, index) => [group, index]))
  const { classes, positive } = first.experiment.dataset
  const images = ofFolds.map((run): ComparedImages => ({
    labels: Int32Array.from(run.images, (image) => image.class),
    patientOf: Int32Array.from(run.images, ({ group }) => numberOf.get(group) ?? 0),
    patients: groups.length,
    classes: classes.map(({ name }) => name),
    positive,
  }))
  return split === 'test' && folds.length > 0 ? folds.flatMap(() => images) : images
}
