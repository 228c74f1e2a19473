import { renderAudit } from '../dataset/audit.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import { splitNames } from '../dataset/manifest.ts'
import type { Experiment } from '../experiment/experiment.ts'

/** The audit, then each side's classes and groups. */
export function renderSplit({ dataset: { classes } }: Experiment, dataset: PreparedDataset): string {
  const total = dataset.manifest.rows.length
  const rows = splitNames.map((split) => {
    const { classes: counts, groups } = dataset.counts[split]
    const images = counts.reduce((a, b) => a + b, 0)
    const cells = classes.map((_, index) => String(counts[index] ?? 0).padStart(12)).join('')
    return `${split.padEnd(12)}${String(images).padStart(8)}${`${((100 * images) / total).toFixed(1)} %`.padStart(9)}${String(groups).padStart(8)}${cells}`
  })
  return [
    renderAudit(dataset.audit, { classes }),
    `${'split'.padEnd(12)}${'images'.padStart(8)}${'share'.padStart(9)}${'groups'.padStart(8)}${classes.map(({ name }) => name.slice(0, 11).padStart(12)).join('')}`,
    ...rows,
    `\nmanifest ${dataset.manifest.digest}`,
  ].join('\n')
}
