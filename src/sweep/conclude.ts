/** What a sweep says at its end: its numbers in its folder, and in its journal for MLflow. */
import writeFileAtomic from 'write-file-atomic'
import type { Journal } from '../journal/journal.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import type { EndedTrial } from './ended-trial.ts'
import { foldSentence, spreadWord, variantName, type VariantSummary } from './summary.ts'

export interface Outcome {
  readonly trials: readonly EndedTrial[]
  readonly variants: readonly VariantSummary[]
  readonly metric: string
}

export async function conclude(
  { folder, journal }: { readonly folder: RunFolder; readonly journal: Journal },
  outcome: Outcome,
  isInterrupted: boolean,
): Promise<void> {
  const { trials, variants, metric } = outcome
  const rows = trials.map(({ name, variant, seed, fold, state, folder: run, metrics, reason }) => ({
    name,
    variant,
    seed,
    fold,
    state,
    run: run?.id ?? null,
    metrics,
    reason,
  }))
  await writeFileAtomic(folder.metrics, `${JSON.stringify({ version: 1, metric, variants, trials: rows }, null, 2)}\n`)
  const failed = trials.filter(({ state }) => state === 'failed')
  if (!isInterrupted) {
    await journal.append({ type: 'evaluated', metrics: metricsOf(variants) })
    await journal.append({ type: 'artifact', path: 'metrics.json' })
    await journal.append({ type: 'described', note: noteOf(outcome) })
  }
  const reason = failed.length === 0 ? {} : { reason: `${failed.length} of ${trials.length} trials failed` }
  await journal.append({ type: 'run-ended', status: isInterrupted ? 'interrupted' : failed.length > 0 ? 'failed' : 'finished', ...reason })
}

/** `mean/…`, `low/…` and `high/…` of variants, and the best of the means. */
function metricsOf(variants: readonly VariantSummary[]): Record<string, number> {
  const metrics: Record<string, number> = {}
  for (const variant of variants) {
    const { mean, interval } = variant
    if (mean === null) continue
    const name = variantName(variant)
    metrics[`mean/${name}`] = mean
    if (interval) Object.assign(metrics, { [`low/${name}`]: interval.low, [`high/${name}`]: interval.high })
  }
  const best = variants[0]?.mean ?? null
  return best === null ? metrics : { ...metrics, best }
}

function noteOf({ trials, variants, metric }: Outcome): string {
  const done = trials.filter(({ state }) => state === 'finished' || state === 'reused').length
  const pruned = trials.filter(({ state }) => state === 'pruned').length
  const stopped = pruned === 0 ? '' : `, ${pruned} were pruned`
  const folds = variants[0]?.folds
  return [
    `${done} of ${trials.length} trials are done${stopped}. Mean ${metric} of each variant, best first; the best of many flatters itself, so compare before you conclude.`,
    '',
    ...variants.map((variant) => `- ${variantName(variant)}: ${lineOf(variant, spreadWord(variants))}`),
    ...(folds ? ['', `${foldSentence(folds.planned)}.`] : []),
  ].join('\n')
}

function lineOf({ values, planned, pruned, folds, mean, interval }: VariantSummary, spread: 'seeds' | 'folds'): string {
  if (pruned > 0) return `pruned, ${pruned} of ${planned}; no mean`
  if (values.length > 0 && folds && folds.missing > 0) return `nothing of ${folds.missing} of ${folds.planned} folds finished; no mean`
  if (mean === null) return 'nothing finished'
  const range = interval ? ` (95 % over ${spread} ${interval.low.toFixed(4)} to ${interval.high.toFixed(4)})` : ''
  const what = folds ? `${folds.planned} folds, ${values.length} trials` : `${values.length} seeds`
  return `${mean.toFixed(4)}${range}, ${what}`
}
