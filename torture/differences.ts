/** Whether a disturbance left a trace in the journal. */
import type { Recorded } from '../src/journal/events.ts'
import { foldRun } from '../src/journal/run-state.ts'

/** What a run that was disturbed has to have in common with one that was not. */
export function differencesOf(events: readonly Recorded[], undisturbed: readonly Recorded[]): string[] {
  const essence = (all: readonly Recorded[]) => ({
    weights: all.flatMap((event) => (event.type === 'trained' ? [event.weightsHash] : [])).at(-1),
    epochs: foldRun(all).committed.map(({ epoch, metrics }) => [epoch, metrics]),
    evaluation: all.flatMap((event) => (event.type === 'evaluated' ? [event.metrics] : [])).at(-1),
    end: foldRun(all).status,
  })
  const [own, other] = [essence(events), essence(undisturbed)]
  return (Object.keys(own) as (keyof typeof own)[]).flatMap((part) =>
    JSON.stringify(own[part]) === JSON.stringify(other[part]) ? [] : [`other ${part} than undisturbed`],
  )
}
