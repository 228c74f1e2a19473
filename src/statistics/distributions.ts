/** The few distributions that our tests need, in one place. */
import binomialCdf from '@stdlib/stats-base-dists-binomial-cdf'
import normalCdf from '@stdlib/stats-base-dists-normal-cdf'
import studentCdf from '@stdlib/stats-base-dists-t-cdf'
import studentQuantile from '@stdlib/stats-base-dists-t-quantile'

/** How likely a standard normal number is at least as far from 0; both tails. */
export function normalTails(z: number): number {
  return 2 * normalCdf(-Math.abs(z), 0, 1)
}

/** How likely Student's t is at least as far from 0; both tails. Finite degrees of freedom. */
export function studentTails(t: number, degreesOfFreedom: number): number {
  return 2 * studentCdf(-Math.abs(t), degreesOfFreedom)
}

/** Below it Student's t lies with this probability. Finite degrees of freedom. */
export function studentPoint(probability: number, degreesOfFreedom: number): number {
  return studentQuantile(probability, degreesOfFreedom)
}

/** How likely tosses of a fair coin are at least that one-sided, either way: the exact sign test. */
export function coinTails(heads: number, trials: number): number {
  return Math.min(1, 2 * binomialCdf(Math.min(heads, trials - heads), trials, 0.5))
}
