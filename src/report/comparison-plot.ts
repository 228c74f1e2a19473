/** Groups with their seeds and intervals, and pairs with theirs: one picture. */
import type { Comparison } from '../evaluation/compare.ts'
import { drawChart, palette, type Picture } from './chart.ts'

export function comparisonPlot({ groups, pairs, metric, folds }: Comparison): Promise<Picture> {
  const y = (field: string) => ({ field, type: 'nominal', title: null, sort: null, axis: { labelLimit: 320 } }) as const
  const x = (field: string, title: string) => ({ field, type: 'quantitative', title, scale: { zero: false } }) as const
  const seeds = groups.flatMap(({ name, runs }) => runs.map(({ value }) => ({ name, value })))
  const means = groups.map(({ name, mean, low, high }) => ({ name, mean, low, high }))
  const differences = pairs.map(({ first, second, difference, low, high }) => ({ name: `${first} − ${second}`, difference, low, high }))
  const rule = { type: 'rule', strokeWidth: 2 } as const
  return drawChart({
    vconcat: [
      {
        width: 480,
        height: { step: 34 },
        title: `${metric}: mean with 95 % interval, and each ${folds === null ? 'seed' : 'fold of each seed'}`,
        layer: [
          {
            data: { values: means },
            mark: { ...rule, color: palette.first },
            encoding: { y: y('name'), x: x('low', metric), x2: { field: 'high' } },
          },
          {
            data: { values: means },
            mark: { type: 'point', filled: true, size: 90, color: palette.first },
            encoding: { y: y('name'), x: x('mean', metric) },
          },
          {
            data: { values: seeds },
            mark: { type: 'tick', thickness: 2, color: palette.muted },
            encoding: { y: y('name'), x: x('value', metric) },
          },
        ],
      },
      {
        width: 480,
        height: { step: 34 },
        title: 'differences with 95 % interval, before Holm',
        layer: [
          {
            data: { values: [{ zero: 0 }] },
            mark: { type: 'rule', strokeDash: [4, 4], color: palette.muted },
            encoding: { x: x('zero', metric) },
          },
          {
            data: { values: differences },
            mark: { ...rule, color: palette.second },
            encoding: { y: y('name'), x: x('low', metric), x2: { field: 'high' } },
          },
          {
            data: { values: differences },
            mark: { type: 'point', filled: true, size: 90, color: palette.second },
            encoding: { y: y('name'), x: x('difference', metric) },
          },
        ],
      },
    ],
  })
}
