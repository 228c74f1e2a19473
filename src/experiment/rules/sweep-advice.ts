/** What a sweep would do twice, and conditions that decide nothing. */
import type { Diagnostic } from '../../diagnostics/diagnostic.ts'
import { advise } from '../advice.ts'
import type { Experiment, Located } from '../experiment.ts'
import { flattenParameters } from '../flatten-parameters.ts'
import { axisName, type Axis } from '../sweep-axes.ts'
import type { SweepPoint } from '../sweep-points.ts'

type Point = Pick<SweepPoint, 'name' | 'axes'> & { readonly experiment: Experiment }

/** Of the points of one seed: an axis none of whose values changes anything, and else points that are equal once everything is written out. */
export function sweepAdvice(located: Located, points: readonly Point[]): Diagnostic[] {
  const meant = points.map((point) => ({ ...point, meaning: JSON.stringify(flattenParameters(point.experiment)) }))
  const axes = [...new Set(points.flatMap((point) => Object.keys(point.axes)))]
  const idle = axes.filter((axis) => {
    const having = meant.filter(({ axes: all }) => all[axis] !== undefined)
    const groups = groupBy(having, ({ axes: all }) => JSON.stringify({ ...all, [axis]: null }))
    return groups.every((group) => new Set(group.map(({ meaning }) => meaning)).size === 1 && group.length > 1)
  })
  if (idle.length > 0)
    return idle.flatMap((axis) =>
      advise(located, 'sweep-axis-changes-nothing', 'sweep', {
        message: `whatever ${axis} is, the experiment is the same`,
        hint: 'Take the axis out: its points differ by nothing, or by chance alone.',
      }),
    )
  return groupBy(meant, ({ meaning }) => meaning)
    .filter((equal) => equal.length > 1)
    .flatMap((equal) =>
      advise(located, 'sweep-points-equal', 'sweep', {
        message: `these points are one experiment: ${equal.map(({ name }) => JSON.stringify(name)).join(', ')}`,
        hint: 'One of them is run, and stands for the others.',
      }),
    )
}

/** Of the points of one seed: an axis whose condition holds at none of them, or at each. */
export function conditionAdvice(located: Located, axes: readonly Axis[], points: readonly Pick<SweepPoint, 'axes'>[]): Diagnostic[] {
  return axes.flatMap((axis): Diagnostic[] => {
    if (Object.keys(axis.when).length === 0) return []
    const name = axisName(axis.path, axes)
    const count = points.filter((point) => point.axes[name] !== undefined).length
    if (count > 0 && count < points.length) return []
    const [message, hint] =
      count === 0
        ? [`the condition of ${name} holds at no point: its values are never tried`, 'Look at what its names need to be there themselves.']
        : [`the condition of ${name} holds at every point`, 'Take it out: the axis is always there.']
    return advise(located, 'sweep-when-idle', [...axis.at, 'when'].join('.'), { message, hint })
  })
}

function groupBy<T>(all: readonly T[], keyOf: (one: T) => string): T[][] {
  const groups = new Map<string, T[]>()
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one])
  return [...groups.values()]
}
