/** What `runner split` prints. */
import { renderAudit } from '../dataset/audit.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { Experiment } from '../experiment/experiment.ts'
import { splitLines } from '../run/plan.ts'
import { caveats } from './caveats.ts'

/** The audit, then each side's images, classes and groups. */
export function renderSplit(experiment: Experiment, dataset: PreparedDataset, color: boolean): string {
  return [
    ...caveats(experiment, dataset, color),
    renderAudit(dataset.audit, experiment.dataset),
    ...splitLines({ experiment, dataset }),
    '',
    `digest of the split: ${dataset.manifest.digest}`,
  ].join('\n')
}
