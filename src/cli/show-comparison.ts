/** A comparison as a person reads it: the groups, then what may be said of each pair. */
import type { Comparison, GroupResult, PairResult } from '../evaluation/compare.ts'
import { bestSentence, caveatSentence, footnotes, sideTests, sizeSentence } from '../evaluation/comparison-sentences.ts'
import type { ComparedRuns } from '../run/compare.ts'
import { paint } from './terminal.ts'

export function renderComparison(
  { split, testReadings, comparison, caveats }: ComparedRuns,
  { color }: { readonly color: boolean },
): string {
  const best = bestSentence(comparison)
  return [
    '',
    ...caveats.flatMap((caveat) => [`  ${paint(`!! ${caveatSentence(caveat).toUpperCase()} !!`, 'alarm', color)}`, '']),
    `  ${paint(comparison.metric, 'bold', color)} on ${split}: ${sizeSentence(comparison)}`,
    '',
    ...groupTable(comparison, color),
    '',
    ...comparison.pairs.flatMap((pair) => [...pairLines(pair, comparison, color), '']),
    ...(best === null ? [] : [`  ${best}`, '']),
    ...footnotes(comparison, testReadings).map((line) => paint(`  ${line}`, 'dim', color)),
    '',
  ].join('\n')
}

function groupTable({ groups, metric }: Comparison, color: boolean): string[] {
  const others = Object.keys(groups[0]?.metrics ?? {}).filter((name) => name !== metric)
  const heading = ['', 'seeds', metric, '95 %', 'sd of seeds', ...others]
  const rows = groups.map((group) => [
    group.name,
    String(group.seeds),
    group.mean.toFixed(3),
    intervalOf(group),
    group.standardDeviation?.toFixed(4) ?? '–',
    ...others.map((name) => group.metrics[name]?.toFixed(3) ?? '–'),
  ])
  const widths = heading.map((_, column) => Math.max(...[heading, ...rows].map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('   ')}`
  return [paint(line(heading), 'dim', color), ...rows.map(line)]
}

function intervalOf({ low, high }: GroupResult): string {
  return Number.isNaN(low) ? '–' : `${low.toFixed(3)}–${high.toFixed(3)}`
}

function pairLines(pair: PairResult, comparison: Comparison, color: boolean): string[] {
  const { first, second, verdict } = pair
  return [
    `  ${first} − ${second}`,
    `    ${paint(verdict.sentence, verdict.better === null ? 'yellow' : 'green', color)}`,
    ...sideTests(pair, comparison).map((line) => `    ${paint(line, 'dim', color)}`),
  ]
}
