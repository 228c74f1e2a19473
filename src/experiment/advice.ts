/** An advice as a diagnostic of the weight that the file gives it. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import type { Experiment, Located } from './experiment.ts'
import { placeNear } from './places.ts'

export type AdviceId = keyof Experiment['rules']
export type Advice = Pick<Diagnostic, 'message' | 'expected' | 'received' | 'hint'>

/** Nothing where the file switches it off. `path` is what it speaks of, such as `model.layers.3`. */
export function advise({ experiment, places }: Located, id: AdviceId, path: string, advice: Advice): Diagnostic[] {
  const severity = experiment.rules[id]
  return typeof severity === 'string' ? [{ code: id, severity, ...advice, ...placeNear({ places }, path) }] : []
}
