/** A number whose error comes from several sources at once, such as patients and seeds: interval, test and what could have been found. */
import type { Interval } from './bootstrap.ts'
import { studentPoint, studentTails } from './distributions.ts'

/** One source of error: its share of the variance, estimated with these degrees of freedom. */
export interface Component {
  readonly variance: number
  readonly degreesOfFreedom: number
}

export interface Uncertainty {
  readonly standardError: number
  readonly degreesOfFreedom: number
}

/**
 * The sum of independent sources. Degrees of freedom after Satterthwaite (1946): for two sources that are two groups' seeds, Welch's (1947);
 * for cases and readers (here patients and seeds), the way of Hillis (2007). Without any error they are the fewest of a source.
 */
export function addComponents(components: readonly Component[]): Uncertainty {
  const total = components.reduce((sum, { variance }) => sum + variance, 0)
  const spread = components.reduce(
    (sum, { variance, degreesOfFreedom }) => sum + (variance === 0 ? 0 : variance ** 2 / degreesOfFreedom),
    0,
  )
  const fewest = Math.min(...components.map(({ degreesOfFreedom }) => degreesOfFreedom))
  return { standardError: Math.sqrt(total), degreesOfFreedom: spread === 0 ? fewest : total ** 2 / spread }
}

/** The estimate ± Student's t times the standard error. */
export function intervalOf(estimate: number, { standardError, degreesOfFreedom }: Uncertainty, level: number): Interval {
  const reach = studentPoint(1 - (1 - level) / 2, degreesOfFreedom) * standardError
  return { low: estimate - reach, high: estimate + reach }
}

/** Two-sided p of "the truth is 0". */
export function testOfZero(estimate: number, { standardError, degreesOfFreedom }: Uncertainty): number {
  if (estimate === 0) return 1
  return standardError === 0 ? 0 : studentTails(estimate / standardError, degreesOfFreedom)
}

/**
 * The true difference that a test at `alpha` (two-sided) would find with the probability `power`, given this much uncertainty:
 * (t[1 - alpha/2] + t[power]) · standard error (Bloom 1995, "Minimum detectable effects").
 */
export function smallestDetectable({ standardError, degreesOfFreedom }: Uncertainty, alpha: number, power: number): number {
  return (studentPoint(1 - alpha / 2, degreesOfFreedom) + studentPoint(power, degreesOfFreedom)) * standardError
}
