/** A comparison as a person reads it: the groups, then what may be said of each pair. */
import type { Comparison, GroupResult, PairResult } from '../evaluation/compare.ts'
import { signed, writeP } from '../evaluation/verdict.ts'
import type { ComparedRuns } from '../run/compare.ts'
import { counted, paint } from './terminal.ts'

export function renderComparison({ split, comparison, caveats }: ComparedRuns, { color }: { readonly color: boolean }): string {
  const { metric, images, patients, units, best, pairs, rules } = comparison
  const size = units === 'images' ? '' : ` of ${counted(patients)} ${units}`
  return [
    '',
    ...caveats.flatMap((caveat) => [`  ${paint(`!! ${(warnings[caveat] ?? caveat).toUpperCase()} !!`, 'alarm', color)}`, '']),
    `  ${paint(metric, 'bold', color)} on ${split}: ${counted(images)} images${size}`,
    '',
    ...groupTable(comparison, color),
    '',
    ...pairs.flatMap((pair) => [...pairLines(pair, color), '']),
    ...(best
      ? [
          `  ${best.name} looks best of ${comparison.groups.length} with ${best.value.toFixed(3)}, and was also lucky: the choice is worth ${best.corrected.toFixed(3)} on new ${units}; ` +
            `it was the best in ${Math.round(100 * best.frequency)} % of the resamples`,
          '',
        ]
      : []),
    ...footnotes(split, comparison).map((line) => paint(`  ${line}`, 'dim', color)),
    paint(`  ${counted(rules.resamples)} resamples, seed ${rules.seed}; docs/comparing.md tells what each number means`, 'dim', color),
    '',
  ].join('\n')
}

const warnings: Readonly<Record<string, string>> = {
  synthetic: 'synthetic data: nothing about patients',
  leakage: 'leaky split: the score flatters',
}

function groupTable({ groups, metric }: Comparison, color: boolean): string[] {
  const others = Object.keys(groups[0]?.metrics ?? {}).filter((name) => name !== metric)
  const heading = ['', 'seeds', metric, '95 %', 'sd of seeds', ...others]
  const rows = groups.map((group) => [
    group.name,
    String(group.runs.length),
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

function pairLines({ first, second, verdict, mcnemar, delong }: PairResult, color: boolean): string[] {
  const isClaim = verdict.better !== null
  return [
    `  ${first} − ${second}`,
    `    ${paint(verdict.sentence, isClaim ? 'green' : 'yellow', color)}`,
    ...(mcnemar
      ? [
          `    ${paint(`only ${first} is right in ${mcnemar.onlyFirst} images, only ${second} in ${mcnemar.onlySecond}: McNemar p ${writeP(mcnemar.p)}, too small where patches of a patient hang together`, 'dim', color)}`,
        ]
      : []),
    ...(delong
      ? [
          `    ${paint(`area under the ROC curve ${signed(delong.difference)} ± ${delong.standardError.toFixed(3)}: DeLong by patient, p ${writeP(delong.p)}`, 'dim', color)}`,
        ]
      : []),
  ]
}

function footnotes(split: string, { groups }: Comparison): string[] {
  const hasThreshold = groups.some(({ runs }) => runs.some(({ threshold }) => threshold !== null))
  return [
    ...(split === 'validation'
      ? ['validation chose weights and thresholds of these runs: differences are fair, the level flatters; --test reads the test images']
      : ['the test images were read for this comparison, and the journals of the runs say so']),
    ...(hasThreshold ? ['metrics other than the areas are at each run’s own threshold'] : []),
  ]
}
