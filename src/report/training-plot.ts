/** Loss, accuracy and learning rate over the epochs. */
import type { EpochEnded } from '../journal/events.ts'
import { drawChart, palette, type Picture } from './chart.ts'

/** One landscape picture; the epoch whose weights were selected is marked. */
export function trainingPlot(epochs: readonly EpochEnded[], bestEpoch: number | null): Promise<Picture> {
  const values = epochs.flatMap(({ epoch, metrics }) =>
    (['train', 'val'] as const).flatMap((side) =>
      (['loss', 'accuracy'] as const).map((metric) => ({
        epoch,
        metric,
        series: side === 'train' ? 'training' : 'validation',
        value: metrics[`${side}/${metric}`] ?? null,
      })),
    ),
  )
  const rates = epochs.map(({ epoch, metrics }) => ({ epoch, value: metrics['train/learning_rate'] ?? null }))
  const color = {
    field: 'series',
    type: 'nominal',
    title: null,
    scale: { domain: ['training', 'validation'], range: [palette.first, palette.second] },
    legend: { orient: 'top', direction: 'horizontal' },
  } as const
  const strokeDash = {
    field: 'series',
    type: 'nominal',
    title: null,
    scale: {
      domain: ['training', 'validation'],
      range: [
        [1, 0],
        [6, 3],
      ],
    },
  } as const
  const x = { field: 'epoch', type: 'quantitative', title: 'epoch', axis: { tickMinStep: 1, format: 'd' } } as const
  const panel = (metric: string) => ({
    width: 360,
    height: 240,
    title: metric,
    layer: [
      {
        transform: [{ filter: `datum.metric === '${metric}'` }],
        mark: { type: 'line' as const, strokeWidth: 2.2, point: epochs.length < 3 },
        encoding: { x, y: { field: 'value', type: 'quantitative' as const, title: null, scale: { zero: false } }, color, strokeDash },
      },
      ...(bestEpoch === null
        ? []
        : [
            {
              data: { values: [{ epoch: bestEpoch }] },
              mark: { type: 'rule' as const, strokeDash: [2, 3], color: palette.muted },
              encoding: { x },
            },
          ]),
    ],
  })
  return drawChart({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    data: { values },
    hconcat: [
      panel('loss'),
      panel('accuracy'),
      {
        width: 200,
        height: 240,
        title: 'learning rate',
        data: { values: rates },
        mark: { type: 'line', strokeWidth: 2.2, color: palette.third, point: epochs.length < 3 },
        encoding: { x, y: { field: 'value', type: 'quantitative', title: null, scale: { zero: false }, axis: { format: '.2~g' } } },
      },
    ],
  })
}
