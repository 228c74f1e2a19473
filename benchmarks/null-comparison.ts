/**
 * How often a comparison claims what is not there, and how often it finds what is: simulated families, fixed seed, no training.
 * usage: npm run null-comparison [-- FAMILIES [folds]]; with `folds` only cross-validated families
 */
import { compareGroups, rules, type Comparison } from '../src/evaluation/compare.ts'
import type { ComparedMetric } from '../src/evaluation/compared-metric.ts'
import { simulateFamily, type FamilyPlan } from '../test/evaluation/simulated-families.ts'

const families = Number(process.argv[2] ?? 200)
const onlyFolds = process.argv[3] === 'folds'
/** Out of 200: a test that is right in 19 of 20 stays below this 39 times in 40. */
const most = Math.round(families * 0.08)

/** From 10 to 60 patients, family by family. */
function patientsOf(number: number): number {
  return 10 + ((number * 7) % 51)
}

function comparisons(plan: Omit<FamilyPlan, 'patients'>, metric: ComparedMetric): Comparison[] {
  return Array.from({ length: families }, (_, number) => {
    const family = simulateFamily({ ...plan, patients: patientsOf(number) }, number)
    return compareGroups({ ...family, metric, reference: null, units: 'patients' })
  })
}

function hasClaim({ pairs }: Comparison): boolean {
  return pairs.some(({ verdict }) => verdict.better !== null)
}

const same = { separations: [1.6, 1.6, 1.6], seeds: 5 }

/** Whether the claims that are not true stay below what chance may bring. */
function countClaims(metric: ComparedMetric): boolean {
  const started = performance.now()
  let isSound = true
  const none = comparisons(same, metric)
  const claims = none.filter(hasClaim).length
  isSound &&= claims <= most
  console.log(
    `${metric}, one variant under three names, 5 seeds each: a difference is claimed in ${claims} of ${families} families (at most ${most})`,
  )
  const shift = (pick: (comparison: Comparison) => number): string => {
    const values = none.map(pick)
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    return `${mean < 0 ? '−' : '+'}${Math.abs(mean).toFixed(4)}`
  }
  const typical = (comparison: Comparison): number =>
    comparison.groups.reduce((sum, group) => sum + group.mean, 0) / comparison.groups.length
  console.log(
    `  the best of the three lies ${shift((one) => (one.best?.value ?? NaN) - typical(one))} from their mean as it looks, ${shift((one) => (one.best?.corrected ?? NaN) - typical(one))} corrected`,
  )
  const equal = comparisons({ separations: [1.6, 1.6], seeds: 1, seedSpread: 0 }, metric)
  const single = equal.filter(hasClaim).length
  isSound &&= single <= most
  const naive = equal.filter(({ pairs }) => (pairs[0]?.mcnemar?.p ?? 1) <= rules.alpha).length
  console.log(
    `  two single models, equally good but on other patients: claimed in ${single} (at most ${most}); McNemar alone would in ${naive}`,
  )
  const lucky = comparisons({ separations: [1.6, 1.6], seeds: 1 }, metric).filter(hasClaim).length
  console.log(`  two single models of one variant, one with a better seed: claimed in ${lucky}, which says nothing of the variant`)
  for (const separation of [1.8, 2.0, 2.4]) {
    const right = comparisons({ separations: [separation, 1.6], seeds: 5 }, metric)
    const found = right.filter(({ pairs }) => pairs[0]?.verdict.better === 'variant 1').length
    const wrong = right.filter(({ pairs }) => pairs[0]?.verdict.better === 'variant 2').length
    const gap = right.reduce((sum, { pairs }) => sum + (pairs[0]?.difference ?? 0), 0) / families
    console.log(`  a true difference of ${gap.toFixed(3)}: found in ${found} of ${families}, the wrong way round in ${wrong}`)
  }
  console.log(`  ${((performance.now() - started) / 1000).toFixed(0)} s`)
  return isSound
}

/** Every model of a seed turns out a little better or worse by itself, and judges patients whom no other fold judges. */
function countFoldedClaims(metric: ComparedMetric): boolean {
  const started = performance.now()
  const folded = { seeds: 5, folds: 5 }
  const claims = comparisons({ separations: [1.6, 1.6], ...folded }, metric).filter(hasClaim).length
  console.log(
    `${metric}, one variant under two names, 5 seeds of 5 folds each: a difference is claimed in ${claims} of ${families} families (at most ${most})`,
  )
  const right = comparisons({ separations: [1.8, 1.6], ...folded }, metric)
  const found = right.filter(({ pairs }) => pairs[0]?.verdict.better === 'variant 1').length
  const wrong = right.filter(({ pairs }) => pairs[0]?.verdict.better === 'variant 2').length
  const gap = right.reduce((sum, { pairs }) => sum + (pairs[0]?.difference ?? 0), 0) / families
  console.log(`  a true difference of ${gap.toFixed(3)}: found in ${found} of ${families}, the wrong way round in ${wrong}`)
  console.log(`  ${((performance.now() - started) / 1000).toFixed(0)} s`)
  return claims <= most
}

const areSound = (['roc_auc', 'balanced_accuracy'] as const).flatMap((metric) => [
  ...(onlyFolds ? [] : [countClaims(metric)]),
  countFoldedClaims(metric),
])
process.exitCode = areSound.every(Boolean) ? 0 : 1
