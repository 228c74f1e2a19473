/** MLflow's limits, checked here: past them the server truncates, or silently drops what follows in a request. */
import type { Metric, Tag } from './types.ts'

export const limits = {
  metricsPerBatch: 1000,
  paramsPerBatch: 100,
  tagsPerBatch: 100,
  keyLength: 250,
  paramLength: 6000,
  tagLength: 8000,
  digestLength: 36,
} as const

/** Letters, digits, `_ - . space : /`, without empty, `.` or `..` parts: what every server takes. */
const key = /^[\p{L}\p{N}_\-. :]+(\/[\p{L}\p{N}_\-. :]+)*$/u

function checkKey(name: string): void {
  if (name.length > limits.keyLength || !key.test(name) || name.split('/').some((part) => part === '.' || part === '..'))
    throw new RangeError(`MLflow takes no key ${JSON.stringify(name)}: at most ${limits.keyLength} letters, digits, _ - . : / and spaces`)
}

export function checkMetric({ key: name, value, timestamp, step }: Metric): void {
  checkKey(name)
  if (typeof value !== 'number' || !Number.isSafeInteger(timestamp) || !Number.isSafeInteger(step))
    throw new RangeError(`metric ${name} needs a number, a timestamp in whole milliseconds and a whole step`)
}

export function checkTag({ key: name, value }: Tag, longest: number): void {
  checkKey(name)
  if (typeof value !== 'string' || value.length > longest)
    throw new RangeError(`${name} is longer than the ${longest} characters that MLflow keeps; put it into an artifact`)
}

/** Cuts a list into batches. */
export function batches<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))
}
