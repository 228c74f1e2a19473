/**
 * A comparison kept: a folder with its numbers, its page and a journal, told to MLflow as a run of its own. The journal is that of a run, so
 * that `runner sync` tells what a server that was away has missed.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Comparison } from '../evaluation/compare.ts'
import { bestSentence, caveatSentence, sizeSentence } from '../evaluation/comparison-sentences.ts'
import type { Event } from '../journal/events.ts'
import { openJournal } from '../journal/journal.ts'
import { comparisonsFolder, createRunFolder, type RunFolder } from '../journal/run-folder.ts'
import { syncRun } from '../tracking/sync-run.ts'
import { runUrl } from '../tracking/urls.ts'
import type { ComparedRuns } from './compare.ts'
import type { Listener, TrackingSummary } from './story.ts'
import { connect, isServerNamed, messageOf } from './track.ts'
import { runsOf, type Workspace } from './workspace.ts'

export interface RecordedComparison {
  readonly folder: RunFolder
  /** Null where the runs' files say that nothing is to be told. */
  readonly tracking: TrackingSummary | null
}

/** The comparison for programs: what `--format json` prints and `comparison.json` holds. */
export function comparisonRecord({ split, testReadings, comparison, caveats }: ComparedRuns) {
  return { version: 1, split, testReadings, caveats, ...comparison }
}

/** `page` is the HTML. A server that fails costs a warning. */
export async function recordComparison(
  compared: ComparedRuns,
  page: string,
  workspace: Workspace,
  listen: Listener,
): Promise<RecordedComparison> {
  const folder = await createRunFolder(runsOf(workspace), comparisonsFolder, compared.split, workspace.now())
  await writeFile(join(folder.path, 'comparison.json'), `${JSON.stringify(comparisonRecord(compared), null, 2)}\n`)
  await writeFile(join(folder.path, 'comparison.html'), page)
  const journal = await openJournal(folder.journal, { now: workspace.now })
  try {
    for (const event of eventsOf(folder, compared)) await journal.append(event)
  } finally {
    await journal.close()
  }
  if (!compared.runs.some(({ experiment }) => experiment.tracking.enabled)) return { folder, tracking: null }
  try {
    const { client, release } = await connect(workspace, listen)
    try {
      const report = await syncRun(folder, journal.events, client, { isAlive: false })
      const url = report && isServerNamed(workspace) ? runUrl(client.uri, report.experimentId, report.runId) : null
      return { folder, tracking: { isComplete: report !== null, url } }
    } finally {
      await release()
    }
  } catch (error) {
    listen({ type: 'tracking-failed', message: messageOf(error) })
    return { folder, tracking: { isComplete: false, url: null } }
  }
}

function eventsOf(folder: RunFolder, { split, comparison, runs, caveats }: ComparedRuns): Event[] {
  const { groups, metric, rules } = comparison
  const experiments = [...new Set(runs.map(({ experiment }) => experiment.tracking.experiment))]
  return [
    {
      type: 'run-started',
      version: 1,
      run: folder.id,
      name: `comparison of ${groups.map(({ name }) => name).join(', ')}`,
      experiment: experiments.length === 1 ? (experiments[0] ?? comparisonsFolder) : comparisonsFolder,
      seed: rules.seed,
      epochs: 0,
      tags: { 'runner.kind': 'comparison', ...Object.fromEntries(caveats.map((caveat) => [caveat, 'true'])) },
    },
    {
      type: 'parameters',
      values: {
        'comparison.metric': metric,
        'comparison.split': split,
        ...Object.fromEntries(
          groups.map(({ name, runs: members }) => [`comparison.runs.${name}`, members.map(({ run }) => run).join(', ')]),
        ),
      },
    },
    { type: 'evaluated', metrics: metricsOf(comparison) },
    { type: 'artifact', path: 'comparison.json' },
    { type: 'artifact', path: 'comparison.html' },
    { type: 'described', note: noteOf(comparison, split, caveats) },
    { type: 'run-ended', status: 'finished' },
  ]
}

/** `mean/…`, `low/…` and `high/…` of groups; `difference/…` and `adjusted_p/…` of pairs. */
function metricsOf({ groups, pairs, best }: Comparison): Record<string, number> {
  const metrics: Record<string, number> = {}
  for (const { name, mean, low, high } of groups)
    Object.assign(metrics, { [`mean/${name}`]: mean, [`low/${name}`]: low, [`high/${name}`]: high })
  for (const { first, second, difference, adjustedP, smallestDetectable } of pairs) {
    const pair = `${first} - ${second}`
    Object.assign(metrics, {
      [`difference/${pair}`]: difference,
      [`adjusted_p/${pair}`]: adjustedP,
      [`smallest_detectable/${pair}`]: smallestDetectable,
    })
  }
  if (best) metrics[`corrected/${best.name}`] = best.corrected
  return metrics
}

function noteOf(comparison: Comparison, split: string, caveats: readonly string[]): string {
  const best = bestSentence(comparison)
  return [
    ...caveats.flatMap((caveat) => [`**${caveatSentence(caveat)}**`, '']),
    `${comparison.groups.length} groups by ${comparison.metric} on ${split}: ${sizeSentence(comparison)}.`,
    '',
    ...comparison.pairs.map(({ first, second, verdict }) => `- ${first} − ${second}: ${verdict.sentence}`),
    ...(best === null ? [] : ['', `${best}.`]),
  ].join('\n')
}
