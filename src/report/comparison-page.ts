/** A comparison as one HTML file that needs nothing else: the picture, the groups, the verdicts. */
import type { Comparison } from '../evaluation/compare.ts'
import { bestSentence, caveatSentence, footnotes, sideTests, sizeSentence } from '../evaluation/comparison-sentences.ts'
import { signed } from '../evaluation/verdict.ts'
import { comparisonPlot } from './comparison-plot.ts'
import { figure, html, page, paragraphs, table, type Markup } from './page.ts'

export interface ComparisonToShow {
  readonly split: string
  readonly testReadings: number
  readonly comparison: Comparison
  readonly caveats: readonly string[]
}

export async function comparisonPage({ split, testReadings, comparison, caveats }: ComparisonToShow): Promise<string> {
  const { groups, pairs, metric } = comparison
  const { svg } = await comparisonPlot(comparison)
  const title = `${groups.map(({ name }) => name).join(', ')}: ${metric} on ${split}`
  const best = bestSentence(comparison)
  return page(title, [
    ...paragraphs(caveats.map(caveatSentence), 'alarm'),
    ...paragraphs([sizeSentence(comparison)]),
    ...paragraphs(pairs.map(({ first, second, verdict }) => `${first} − ${second}: ${verdict.sentence}.`)),
    ...paragraphs(best === null ? [] : [`${best}.`]),
    figure(svg, 'image/svg+xml', 'Groups with their seeds, and differences, each with its 95 % interval'),
    html`<h2>Groups</h2>`,
    groupTable(comparison),
    html`<h2>Pairs</h2>`,
    pairTable(comparison),
    ...paragraphs(pairs.flatMap((pair) => sideTests(pair, comparison).map((line) => `${pair.first} − ${pair.second}: ${line}.`))),
    html`<h2>Runs</h2>`,
    runTable(comparison),
    ...paragraphs(footnotes(comparison, testReadings), 'note'),
  ])
}

function groupTable({ groups, metric }: Comparison): Markup {
  const others = Object.keys(groups[0]?.metrics ?? {}).filter((name) => name !== metric)
  return table(
    ['group', 'seeds', metric, '95 %', 'sd of seeds', ...others],
    groups.map(({ name, seeds, mean, low, high, standardDeviation, metrics }) => [
      name,
      String(seeds),
      mean.toFixed(4),
      `${low.toFixed(4)} to ${high.toFixed(4)}`,
      standardDeviation?.toFixed(4) ?? '–',
      ...others.map((other) => metrics[other]?.toFixed(4) ?? '–'),
    ]),
  )
}

function pairTable({ pairs }: Comparison): Markup {
  return table(
    ['pair', 'difference', '95 %', 'p', 'p after Holm', 'smallest difference that would be found', 'better'],
    pairs.map(({ first, second, difference, low, high, p, adjustedP, smallestDetectable, verdict }) => [
      `${first} − ${second}`,
      signed(difference),
      `${signed(low)} to ${signed(high)}`,
      p.toFixed(4),
      adjustedP.toFixed(4),
      smallestDetectable.toFixed(3),
      verdict.better ?? 'no claim',
    ]),
  )
}

function runTable({ groups, metric, folds }: Comparison): Markup {
  return table(
    ['group', 'run', 'seed', ...(folds === null ? [] : ['fold']), 'threshold', metric],
    groups.flatMap(({ name, runs }) =>
      runs.map(({ run, seed, fold, threshold, value }) => [
        name,
        run,
        String(seed),
        ...(fold === null ? [] : [String(fold)]),
        threshold?.toFixed(3) ?? '–',
        value.toFixed(4),
      ]),
    ),
  )
}
