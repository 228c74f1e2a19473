/** What a run ended with, to be held against another. */
import type { Recorded } from '../../src/journal/events.ts'
import { foldRun } from '../../src/journal/run-state.ts'

export interface Ending {
  readonly weightsHash: string | undefined
  /** Metrics by epoch. */
  readonly metrics: readonly unknown[]
  readonly evaluated: unknown
}

export function endingOf(events: readonly Recorded[]): Ending {
  const trained = events.findLast((event) => event.type === 'trained')
  const evaluated = events.findLast((event) => event.type === 'evaluated')
  const metrics = foldRun(events).committed.map(({ epoch, metrics: values }) => [epoch, values])
  return { weightsHash: trained?.weightsHash, metrics, evaluated: evaluated?.metrics }
}
