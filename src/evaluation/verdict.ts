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
  /** Pairs that are tested together. */
  readonly family: number
  readonly rules: { readonly alpha: number; readonly seedsForClaim: number }
}

/** A difference is claimed where the test says so after Holm and the interval does not hold 0. */
export function verdictOn(pair: TestedPair, surroundings: Surroundings): Verdict {
  const { first, second, kind, difference, low, high, adjustedP, seeds } = pair
  const { rules, family, metric } = surroundings
  const refusal = reasonForSilence(pair, surroundings)
  if (refusal !== null) return { better: null, sentence: `nothing is claimed: ${refusal}; measured ${signed(difference)} ${metric}` }
  const p = `p ${writeP(adjustedP)}${family > 1 ? ` after Holm over ${family}` : ''}`
  const measured = (value: number, from: number, to: number): string =>
    `${signed(value)} ${metric} (95 % ${signed(from)} to ${signed(to)}), ${p}`
  if (adjustedP <= rules.alpha && (low > 0 || high < 0)) {
    const scope = kind === 'models' ? 'these two models, for with other seeds it may be otherwise' : `over ${writeSeeds(seeds)}`
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
  { units, patients, family, rules: { alpha, seedsForClaim } }: Surroundings,
): string | null {
  if (patients < 2) return `all images are of one and the same, and nothing is known of other ${units}`
  if (kind === 'variants' && Math.min(...seeds) < seedsForClaim)
    return `${writeSeeds(seeds)}, and a claim about variants needs ${seedsForClaim} or more of each`
  if (permutation && permutation.smallestP * family > alpha)
    return `with ${patients} ${units} no p below ${writeP(permutation.smallestP).replace('= ', '')} exists${family > 1 ? `, and ${family} pairs are tested` : ''}`
  return null
}

function couldHaveBeenFound({ smallestDetectable, kind, seeds }: TestedPair, { units, patients }: Surroundings): string {
  const material = kind === 'models' ? `${patients} ${units}` : `${patients} ${units} and ${writeSeeds(seeds)}`
  return `with ${material} a true difference of ${smallestDetectable.toFixed(3)} would be found 8 times in 10`
}

/** `5 seeds each`, `3 and 5 seeds` */
function writeSeeds([first, second]: readonly [number, number]): string {
  return first === second ? `${first} seeds each` : `${first} and ${second} seeds`
}

/** `+0.012`, `−0.004` */
export function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`
}

/** `= 0.031`, `< 0.001` */
export function writeP(p: number): string {
  return p < 0.001 ? '< 0.001' : `= ${p.toFixed(3)}`
}
