/** Several tests at once: p-values such that calling those below alpha is wrong in at most alpha of all families (Holm 1979). */

/** In the order they came in; never below what came in, never above 1. */
export function holm(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((a, b) => (values[a] ?? 1) - (values[b] ?? 1))
  const adjusted = new Array<number>(values.length)
  let highest = 0
  for (const [rank, index] of order.entries()) {
    highest = Math.max(highest, Math.min(1, (values.length - rank) * (values[index] ?? 1)))
    adjusted[index] = highest
  }
  return adjusted
}
