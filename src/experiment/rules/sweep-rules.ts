/** What the schema cannot say about a sweep. */
import type { Finding, Rule } from '../rule.ts'
import { longForm, type WrittenSweep } from '../sweep-axes.ts'

function ofSweep(check: (sweep: WrittenSweep) => readonly Finding[]): Rule['check'] {
  return ({ written: { sweep } }) => (sweep ? check(sweep) : [])
}

const zipLengths: Rule = {
  id: 'zip-lengths',
  severity: 'error',
  check: ofSweep(({ zip }) => {
    const [first, ...others] = Object.entries(zip).map(([path, entry]) => ({ path, count: longForm(entry).values.length }))
    return others
      .filter(({ count }) => count !== first?.count)
      .map(({ path, count }) => ({
        path: ['sweep', 'zip', path],
        isKey: true,
        message: 'the lists under zip go together, value by value',
        expected: `${first?.count ?? 0} values, as ${first?.path ?? ''} has`,
        received: String(count),
        hint: 'Under axes every value goes with every other.',
      }))
  }),
}

const axisTwice: Rule = {
  id: 'sweep-axis-twice',
  severity: 'error',
  check: ofSweep(({ axes, zip, random }) => {
    const places = [
      ...Object.keys(axes).map((name) => ['axes', name]),
      ...Object.keys(zip).map((name) => ['zip', name]),
      ...Object.keys(random?.axes ?? {}).map((name) => ['random', 'axes', name]),
    ]
    return places
      .filter((place, index) => places.slice(0, index).some((other) => other.at(-1) === place.at(-1)))
      .map((place) => ({
        path: ['sweep', ...place],
        isKey: true,
        message: `${place.at(-1) ?? ''} is an axis already`,
        hint: 'Keep one of them: what comes later would win.',
      }))
  }),
}

const range: Rule = {
  id: 'sweep-range',
  severity: 'error',
  check: ofSweep(({ random }) =>
    Object.entries(random?.axes ?? {}).flatMap(([name, { uniform, logUniform }]): Finding[] => {
      if (!uniform && !logUniform) return []
      const kind = uniform ? 'uniform' : 'logUniform'
      const [low, high] = uniform ?? logUniform ?? [0, 1]
      if (low < high && (kind === 'uniform' || low > 0)) return []
      const expected = kind === 'uniform' ? 'the smaller number, then the larger' : 'two numbers above 0, the smaller first'
      return [
        {
          path: ['sweep', 'random', 'axes', name, kind],
          message: 'nothing can be drawn from this range',
          expected,
          received: `${low}, ${high}`,
        },
      ]
    }),
  ),
}

/** What the launcher says itself: the trials' exact resume rests on it. */
const ownOptions = new Set(
  'array chdir cpus-per-task dependency error export job-name no-requeue ntasks open-mode output parsable requeue signal wait wrap'.split(
    ' ',
  ),
)

const slurmOption: Rule = {
  id: 'slurm-option',
  severity: 'error',
  check: ofSweep(({ launcher: { slurm } }) =>
    (slurm?.options ?? []).flatMap((option, index): Finding[] => {
      const name = option.replace(/^--|=.*$/gsu, '')
      if (!ownOptions.has(name)) return []
      const message = `--${name} is said to sbatch by runner itself`
      return [{ path: ['sweep', 'launcher', 'slurm', 'options', String(index)], message, hint: 'Take it out.' }]
    }),
  ),
}

export const sweepRules: readonly Rule[] = [zipLengths, axisTwice, range, slurmOption]
