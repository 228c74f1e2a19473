/** Mean and variance, leaving out what is undefined. */

export function mean(values: ArrayLike<number>): number {
  let sum = 0
  let count = 0
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? NaN
    if (Number.isNaN(value)) continue
    sum += value
    count += 1
  }
  return sum / count
}

/** With n - 1 below the line; NaN of fewer than two values. */
export function variance(values: ArrayLike<number>): number {
  const centre = mean(values)
  let sum = 0
  let count = 0
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? NaN
    if (Number.isNaN(value)) continue
    sum += (value - centre) ** 2
    count += 1
  }
  return count < 2 ? NaN : sum / (count - 1)
}
