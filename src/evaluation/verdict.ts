/** What may be said of a pair, in words: who is better, or why nothing is claimed and what could have been found. */
import type { PermutationTest } from '../statistics/permutation-test.ts'

export interface Verdict {
  /** The group that is better, or null. */
  readonly better: string | null
  readonly sentence: string
}

export interface TestedPair {
  readonly first: string
  readonly second: string
  /** Two trained models, or two ways of training. */
  readonly kind: 'models' | 'variants'
  /** Runs of each. */
  readonly seeds: readonly [number, number]
  /** First minus second. */
  readonly difference: number
  readonly low: number
  readonly high: number
  /** After Holm. */
  readonly adjustedP: number
  /** What would be found with a probability of .8 in a family of this size. */
  readonly smallestDetectable: number
  /** Of models only. */
  readonly permutation: PermutationTest | null
}

interface Surroundings {
  readonly metric: string
  /** As in "12 patients". */
  readonly units: string
  readonly patients: number
  /** Of each seed; null where there are none. */
  readonly folds: number | null
  /** Pairs that are tested together. */
  readonly family: number
  readonly rules: { readonly alpha: number; readonly seedsForClaim: number }
}

/** A difference is claimed where the test says so after Holm and the interval does not hold 0. */
export function verdictOn(pair: TestedPair, surroundings: Surroundings): Verdict {
  const { first, second, kind, difference, low, high, adjustedP, seeds } = pair
  const { rules, family, metric, folds } = surroundings
  const refusal = reasonForSilence(pair, surroundings)
  if (refusal !== null) return { better: null, sentence: `nothing is claimed: ${refusal}; measured ${signed(difference)} ${metric}` }
  const p = `p ${writeP(adjustedP)}${family > 1 ? ` after Holm over ${family}` : ''}`
  const measured = (value: number, from: number, to: number): string =>
    `${signed(value)} ${metric} (95 % ${signed(from)} to ${signed(to)}), ${p}`
  if (adjustedP <= rules.alpha && (low > 0 || high < 0)) {
    const scope = kind === 'models' ? 'these two models, for with other seeds it may be otherwise' : `over ${writeSeeds(seeds, folds)}`
    const lead = difference > 0 ? measured(difference, low, high) : measured(-difference, -high, -low)
    const [better, worse] = difference > 0 ? [first, second] : [second, first]
    return { better, sentence: `${better} is better than ${worse}: ${lead}; ${scope}` }
  }
  return {
    better: null,
    sentence: `no difference is claimed: ${measured(difference, low, high)}; ${couldHaveBeenFound(pair, surroundings)}`,
  }
}

/** Why this pair can lead to no claim, whatever the numbers are. */
function reasonForSilence(
  { kind, seeds, permutation }: TestedPair,
  { units, patients, folds, family, rules: { alpha, seedsForClaim } }: Surroundings,
): string | null {
  if (patients < 2) return `all images are of one and the same, and nothing is known of other ${units}`
  if (kind === 'variants' && Math.min(...seeds) < seedsForClaim)
    return `${writeSeeds(seeds, folds)}, and a claim about variants needs ${seedsForClaim} or more of each`
  if (permutation && permutation.smallestP * family > alpha)
    return `with ${patients} ${units} no p below ${writeP(permutation.smallestP).replace('= ', '')} exists${family > 1 ? `, and ${family} pairs are tested` : ''}`
  return null
}

function couldHaveBeenFound({ smallestDetectable, kind, seeds }: TestedPair, { units, patients, folds }: Surroundings): string {
  const material = kind === 'models' ? `${patients} ${units}` : `${patients} ${units} and ${writeSeeds(seeds, folds)}`
  return `with ${material} a true difference of ${smallestDetectable.toFixed(3)} would be found 8 times in 10`
}

/** `5 seeds each`, `3 and 5 seeds`, `5 seeds each, of 3 folds` */
function writeSeeds([first, second]: readonly [number, number], folds: number | null): string {
  const seeds = first === second ? `${first} ${first === 1 ? 'seed' : 'seeds'} each` : `${first} and ${second} seeds`
  return folds === null ? seeds : `${seeds}, of ${folds} folds`
}

/** `+0.012`, `−0.004` */
export function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`
}

/** `= 0.031`, `< 0.001` */
export function writeP(p: number): string {
  return p < 0.001 ? '< 0.001' : `= ${p.toFixed(3)}`
}
