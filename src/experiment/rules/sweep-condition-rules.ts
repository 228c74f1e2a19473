/** What the schema cannot say about `when`: which axes it may name, with which values, and that conditions do not wait for each other. */
import type { Finding, Rule, RuleContext } from '../rule.ts'
import { quote, wayOut } from '../sentences.ts'
import { alternativesOf, axesNamed, axisName, isMeant, sweepAxes, valueName, type Axis } from '../sweep-axes.ts'
import type { Path } from '../tree.ts'

/** One name of one condition. */
interface Term {
  readonly axis: Axis
  readonly name: string
  readonly wanted: unknown
  readonly path: Path
  /** The axes that the name may mean, and the one that it means: null where it is at fault. */
  readonly candidates: readonly Axis[]
  readonly meant: Axis | null
}

function ofTerms(check: (term: Term, axes: readonly Axis[]) => readonly Finding[]): Rule['check'] {
  return (context) => {
    const axes = axesOf(context)
    return axes.flatMap((axis) => termsOf(axis, axes)).flatMap((term) => check(term, axes))
  }
}

function axesOf({ written: { sweep } }: RuleContext): Axis[] {
  return sweep ? sweepAxes(sweep) : []
}

function termsOf(axis: Axis, axes: readonly Axis[]): Term[] {
  return Object.entries(axis.when).map(([name, wanted]) => {
    const candidates = axesNamed(name, axes)
    const [only = null] = candidates
    return { axis, name, wanted, path: [...axis.at, 'when', name], candidates, meant: candidates.length === 1 ? only : null }
  })
}

const conditionAxis: Rule = {
  id: 'sweep-when-axis',
  severity: 'error',
  check: ofTerms(({ axis, name, path, candidates, meant }, axes) => {
    if (meant) return []
    if (candidates.length > 1) {
      const expected = `one of ${candidates.map((other) => axisName(other.path, axes)).join(', ')}`
      return [{ path, isKey: true, message: `${quote(name)} may be ${candidates.length} axes`, expected }]
    }
    const others = axes.filter((other) => other !== axis)
    const names = others.map((other) => (name.includes('.') ? other.path : axisName(other.path, axes)))
    return [{ path, isKey: true, message: `the sweep has no axis ${quote(name)}`, ...wayOut(name, names) }]
  }),
}

const conditionValue: Rule = {
  id: 'sweep-when-value',
  severity: 'error',
  check: ofTerms(({ wanted, path, meant }) => {
    if (!meant) return []
    const { path: name, values } = meant
    if (values === null) {
      const message = `${name} is drawn from a range: it has no value that a condition could name`
      return [{ path, isKey: true, message, hint: 'Draw it from a choice, or list its values.' }]
    }
    const alternatives = alternativesOf(wanted)
    if (alternatives.length === 0) return [{ path, isKey: true, message: 'an empty list of values never holds', hint: 'Name one or more.' }]
    return alternatives.flatMap((one, index): Finding[] => {
      if (values.some((value) => isMeant(one, value))) return []
      const names = [...new Set(values.map(valueName))]
      const message = `${name} is never ${quote(valueName(one))}`
      return [{ path: Array.isArray(wanted) ? [...path, String(index)] : path, message, ...wayOut(valueName(one), names) }]
    })
  }),
}

const conditionCycle: Rule = {
  id: 'sweep-when-cycle',
  severity: 'error',
  check: (context) => {
    const axes = axesOf(context)
    const told = new Set<Axis>()
    return axes.flatMap((axis): Finding[] => {
      const cycle = told.has(axis) ? null : cycleFrom(axis, axes)
      if (!cycle) return []
      for (const { axis: member } of cycle) told.add(member)
      const chain = [...cycle.map(({ axis: member }) => axisName(member.path, axes)), axisName(axis.path, axes)].join(' -> ')
      const message = cycle.length === 1 ? 'an axis cannot be its own condition' : `these conditions wait for each other: ${chain}`
      return [{ path: cycle[0]?.path ?? axis.at, isKey: true, message, hint: 'Take one of the conditions out.' }]
    })
  },
}

/** The shortest way from an axis along conditions back to it. */
function cycleFrom(start: Axis, axes: readonly Axis[]): Term[] | null {
  const seen = new Set<Axis>()
  let ways = termsOf(start, axes).map((term) => [term])
  while (ways.length > 0) {
    const closed = ways.find((way) => way.at(-1)?.meant === start)
    if (closed) return closed
    ways = ways.flatMap((way) => {
      const next = way.at(-1)?.meant
      if (!next || seen.has(next)) return []
      seen.add(next)
      return termsOf(next, axes).map((term) => [...way, term])
    })
  }
  return null
}

export const sweepConditionRules: readonly Rule[] = [conditionAxis, conditionValue, conditionCycle]
