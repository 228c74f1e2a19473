/** What a point's numbers depend on, as a digest: equal digests need one training. */
import { createHash } from 'node:crypto'
import type { Experiment } from '../experiment/experiment.ts'
import { flattenParameters } from '../experiment/flatten-parameters.ts'

/** Names, words, and where the story is told. */
const free = /^(version|name|description)$|^(tracking|rules)(\.|$)|^runtime\.(device|imageBudget)$|^training\.onNonFinite$/

export function pointDigest(experiment: Experiment): string {
  const decisive = Object.entries(flattenParameters(experiment)).filter(([name]) => !free.test(name))
  const sorted = decisive.sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 32)
}
