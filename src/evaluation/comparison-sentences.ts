/** What is said of a comparison beside its numbers and verdicts, in the console, on the page and in MLflow alike. */
import type { Comparison, PairResult } from './compare.ts'
import { signed, writeP } from './verdict.ts'

/** `3,206 images of 37 patients` */
export function sizeSentence({ images, patients, units }: Comparison): string {
  const counted = (count: number): string => count.toLocaleString('en-US')
  return units === 'images' ? `${counted(images)} images` : `${counted(images)} images of ${counted(patients)} ${units}`
}

const caveats: Readonly<Record<string, string>> = {
  synthetic: 'synthetic data: nothing about patients',
  leakage: 'leaky split: the score flatters',
}

/** Of `synthetic` and `leakage`, to be said loudly. */
export function caveatSentence(caveat: string): string {
  return caveats[caveat] ?? caveat
}

/** Its p is that of the normal distribution, from which the spread over fewer patients is too far. */
const enoughForDeLong = 20

/** Tests that readers ask for, and that decide nothing. */
export function sideTests({ first, second, mcnemar, delong }: PairResult, { patients, units }: Comparison): string[] {
  return [
    ...(mcnemar
      ? [
          `only ${first} is right in ${mcnemar.onlyFirst} images, only ${second} in ${mcnemar.onlySecond}: McNemar p ${writeP(mcnemar.p)}, too small where patches of a patient hang together`,
        ]
      : []),
    ...(delong
      ? [
          `area under the ROC curve ${signed(delong.difference)} ± ${delong.standardError.toFixed(3)}: DeLong by patient, p ${writeP(delong.p)}${patients < enoughForDeLong ? `, too small with ${patients} ${units}` : ''}`,
        ]
      : []),
  ]
}

/** Null where there are only two. */
export function bestSentence({ best, groups, units }: Comparison): string | null {
  if (!best) return null
  return (
    `${best.name} looks best of ${groups.length} with ${best.value.toFixed(3)}, and was also lucky: the choice is worth ${best.corrected.toFixed(3)} on new ${units}; ` +
    `it was the best in ${Math.round(100 * best.frequency)} % of the resamples`
  )
}

/** `testReadings`: how often the test images have been read by now; 0 on validation. */
export function footnotes({ groups, rules, folds, units }: Comparison, testReadings: number): string[] {
  const hasThreshold = groups.some(({ runs }) => runs.some(({ threshold }) => threshold !== null))
  return [
    testReadings === 0
      ? 'validation chose weights and thresholds of these runs: differences are fair, the level flatters; --test reads the test images'
      : `the test images of these runs have been read ${testReadings} times by now, by all runs together, as their journals say; each reading makes the next one worth less`,
    ...(folds === null
      ? []
      : [
          `metrics are means over the ${folds} folds of a seed, whose models share training ${units}: what is said holds for models that were trained on these, and a claim needs ${rules.seedsForClaim} seeds all the same`,
        ]),
    ...(hasThreshold ? ['metrics other than the areas are at each run’s own threshold'] : []),
    `${rules.resamples.toLocaleString('en-US')} resamples, seed ${rules.seed}; docs/comparing.md tells what each number means`,
  ]
}
