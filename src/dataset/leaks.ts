/** Groups that stand on more than one side of a split: a model is then tested on patients that it was trained on. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import type { SplitName } from './manifest.ts'

interface Placed {
  readonly group: string
  readonly split: SplitName
}

const shown = 5

/** None, or one fault that names the first few. `source` is what put them there. */
export function findLeaks(rows: readonly Placed[], source: string, hint: string): Diagnostic[] {
  const splitsOf = new Map<string, Set<SplitName>>()
  for (const { group, split } of rows) splitsOf.set(group, (splitsOf.get(group) ?? new Set()).add(split))
  const leaking = [...splitsOf].filter(([, splits]) => splits.size > 1)
  if (leaking.length === 0) return []
  const examples = leaking.slice(0, shown).map(([group, splits]) => `${JSON.stringify(group)} in ${[...splits].join(' and ')}`)
  const more = leaking.length > shown ? `, and ${leaking.length - shown} more` : ''
  const count = leaking.length === 1 ? '1 group' : `${leaking.length} groups`
  return [
    { code: 'split-leak', severity: 'error', message: `${source} has ${count} on more than one side: ${examples.join('; ')}${more}`, hint },
  ]
}
