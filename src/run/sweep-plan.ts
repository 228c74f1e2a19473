/** The points of a sweep before any of them is run: what each variant costs beside the others. */
import type { LoadedPoint, Sweep } from '../experiment/load-experiment.ts'
import { planNetwork } from '../network/plan-network.ts'
import { costsOf } from '../network/memory.ts'

export interface VariantPlan {
  readonly name: string
  readonly seeds: number
  /** Null where there are none; each is trained with every seed. */
  readonly folds: number | null
  readonly epochs: number
  readonly batchSize: number
  readonly trainable: number
  /** Forward, of one image. */
  readonly multiplyAdds: number
}

export function planVariants({ points, folds }: Sweep): VariantPlan[] {
  const names = [...new Set(points.map(({ group }) => group))]
  return names.flatMap((name): VariantPlan[] => {
    const own = points.filter(({ group }) => group === name)
    const [first] = own
    return first ? [{ name, seeds: new Set(own.map(({ seed }) => seed)).size, folds, ...costsOfPoint(first) }] : []
  })
}

function costsOfPoint({ located }: LoadedPoint): Omit<VariantPlan, 'name' | 'seeds' | 'folds'> {
  const { epochs, batchSize } = located.experiment.training
  const network = planNetwork(located).value
  return {
    epochs,
    batchSize,
    trainable: network?.trainable ?? 0,
    multiplyAdds: network ? costsOf(network).multiplyAdds : 0,
  }
}

/** Lines without a trailing newline. */
export function renderSweepPlan(sweep: Sweep): string {
  const folds = sweep.folds === null ? [] : ['folds']
  const heading = ['variant', 'seeds', ...folds, 'epochs', 'batch', 'to train', 'multiply-adds']
  const rows = planVariants(sweep).map(({ name, ...numbers }) => [name === '' ? 'the experiment' : name, ...cells(numbers)])
  const widths = heading.map((_, column) => Math.max(...[heading, ...rows].map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('   ')}`
  const { points } = sweep
  return [`a sweep of ${points.length} points; the plan above is that of the file without it`, line(heading), ...rows.map(line)].join('\n')
}

function cells({ seeds, folds, epochs, batchSize, trainable, multiplyAdds }: Omit<VariantPlan, 'name'>): string[] {
  return [seeds, ...(folds === null ? [] : [folds]), epochs, batchSize, trainable, multiplyAdds].map((count) =>
    count.toLocaleString('en-US'),
  )
}
