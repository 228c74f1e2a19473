/** MLflow's limits, checked here: past them the server truncates, or silently drops what follows in a request. */
import type { DatasetInput, Metric, Tag } from './types.ts'

export const limits = {
  metricsPerBatch: 1000,
  paramsPerBatch: 100,
  tagsPerBatch: 100,
  /** Of a request, in bytes: MLflow's documentation says 1 MB, and proxies hold it. */
  batchBytes: 900_000,
  keyLength: 250,
  paramLength: 6000,
  tagLength: 8000,
  /** 20,000 since 3.12; older servers take this much. */
  experimentTagLength: 5000,
  experimentNameLength: 500,
  datasetNameLength: 500,
  digestLength: 36,
} as const

/** Letters, digits, `_ - . space : /`: what every server takes in a key. */
const refused = /[^\p{L}\p{N}_\-. :/]/gu
const key = /^[\p{L}\p{N}_\-. :]+(\/[\p{L}\p{N}_\-. :]+)*$/u

/** The nearest key that MLflow takes: `loss (raw)` becomes `loss _raw_`. */
export function toKey(name: string): string {
  const parts = name.replace(refused, '_').split('/')
  const kept = parts.filter((part) => part !== '' && part !== '.' && part !== '..')
  const whole = kept.join('/') || '_'
  // Neither half of a character nor a slash may be the end of what is cut off.
  return whole.length <= limits.keyLength
    ? whole
    : whole
        .slice(0, limits.keyLength)
        .replace(/[\uD800-\uDBFF]$/, '')
        .replace(/\/+$/, '')
}

/** Refused, or read as something else, by servers and Python's client: `#`, `?`, control characters, `%` and `\` that could begin an escape or a folder. */
const unsafeInPath = /[#%?\\\p{Cc}\uD800-\uDFFF]/gu

/** The nearest path of an artifact that every server takes: `slide #1.png` becomes `slide _1.png`. */
export function toArtifactPath(path: string): string {
  const parts = path.replace(unsafeInPath, '_').split('/')
  return parts.map((part) => (part === '.' || part === '..' ? part.replaceAll('.', '_') : part)).join('/')
}

export function checkKey(name: string): void {
  if (name.length > limits.keyLength || !key.test(name) || name.split('/').some((part) => part === '.' || part === '..'))
    throw new RangeError(`MLflow takes no key ${JSON.stringify(name)}: at most ${limits.keyLength} letters, digits, _ - . : / and spaces`)
}

export function checkMetric({ key: name, value, timestamp, step }: Metric): void {
  checkKey(name)
  if (typeof value !== 'number') throw new RangeError(`metric ${name} needs a number, not ${JSON.stringify(value)}`)
  checkInteger(`the timestamp of metric ${name}`, timestamp)
  checkInteger(`the step of metric ${name}`, step)
}

export function checkInteger(what: string, value: number | undefined): void {
  if (value !== undefined && !Number.isSafeInteger(value)) throw new RangeError(`${what} has to be a whole number, not ${value}`)
}

export function checkTag({ key: name, value }: Tag, longest: number): void {
  checkKey(name)
  if (typeof value !== 'string') throw new RangeError(`${name} needs a text, not ${JSON.stringify(value)}`)
  if (value.length > longest)
    throw new RangeError(`${name} is longer than the ${longest} characters that MLflow keeps; put it into an artifact`)
}

export function checkInput({ tags, dataset }: DatasetInput): void {
  for (const tag of tags) checkTag(tag, 500)
  for (const [name, value] of Object.entries(dataset))
    if (typeof value !== 'string') throw new RangeError(`a dataset's ${name} has to be a text`)
  if (dataset.name.length > limits.datasetNameLength)
    throw new RangeError(`a dataset's name has at most ${limits.datasetNameLength} characters`)
  if (dataset.digest.length > limits.digestLength) throw new RangeError(`a dataset's digest has at most ${limits.digestLength} characters`)
}

/** Cuts a list into batches of so many items, each below `limits.batchBytes` as JSON. */
export function batches<T>(items: readonly T[], size: number): T[][] {
  const cut: T[][] = []
  let bytes = Infinity
  for (const item of items) {
    const weight = Buffer.byteLength(JSON.stringify(item)) + 1
    const last = cut.at(-1)
    if (last && last.length < size && bytes + weight <= limits.batchBytes) {
      last.push(item)
      bytes += weight
    } else {
      cut.push([item])
      bytes = weight
    }
  }
  return cut
}
