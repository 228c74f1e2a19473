/** A comparison as one HTML file that needs nothing else: the picture, the groups, the verdicts. */
import type { Comparison } from '../evaluation/compare.ts'
import { bestSentence, caveatSentence, footnotes, sideTests, sizeSentence } from '../evaluation/comparison-sentences.ts'
import { signed } from '../evaluation/verdict.ts'
import { comparisonPlot } from './comparison-plot.ts'

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
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escape(title)}</h1>
${paragraphs(caveats.map(caveatSentence), 'alarm')}
${paragraphs([sizeSentence(comparison)])}
${paragraphs(pairs.map(({ first, second, verdict }) => `${first} − ${second}: ${verdict.sentence}.`))}
${paragraphs(best === null ? [] : [`${best}.`])}
${svg}
<h2>Groups</h2>
${groupTable(comparison)}
<h2>Pairs</h2>
${pairTable(comparison)}
${paragraphs(pairs.flatMap((pair) => sideTests(pair, comparison).map((line) => `${pair.first} − ${pair.second}: ${line}.`)))}
<h2>Runs</h2>
${runTable(comparison)}
${paragraphs(footnotes(comparison, testReadings), 'note')}
</body>
</html>
`
}

function groupTable({ groups, metric }: Comparison): string {
  const others = Object.keys(groups[0]?.metrics ?? {}).filter((name) => name !== metric)
  return table(
    ['group', 'seeds', metric, '95 %', 'sd of seeds', ...others],
    groups.map(({ name, runs, mean, low, high, standardDeviation, metrics }) => [
      name,
      String(runs.length),
      mean.toFixed(4),
      `${low.toFixed(4)} to ${high.toFixed(4)}`,
      standardDeviation?.toFixed(4) ?? '–',
      ...others.map((other) => metrics[other]?.toFixed(4) ?? '–'),
    ]),
  )
}

function pairTable({ pairs }: Comparison): string {
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

function runTable({ groups, metric }: Comparison): string {
  return table(
    ['group', 'run', 'seed', 'threshold', metric],
    groups.flatMap(({ name, runs }) =>
      runs.map(({ run, seed, threshold, value }) => [name, run, String(seed), threshold?.toFixed(3) ?? '–', value.toFixed(4)]),
    ),
  )
}

function paragraphs(lines: readonly string[], kind = ''): string {
  return lines.map((line) => `<p${kind === '' ? '' : ` class="${kind}"`}>${escape(line)}</p>`).join('\n')
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]): string =>
    `<tr>${row.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`
  return `<table>\n${cells('th', heading)}\n${rows.map((row) => cells('td', row)).join('\n')}\n</table>`
}

const style =
  'body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}table{border-collapse:collapse}td,th{padding:.3rem .7rem;border-bottom:1px solid #ddd;text-align:left}td{white-space:nowrap}.note{color:#666;font-size:.9em}svg{max-width:100%;height:auto}.alarm{background:#b00020;color:#fff;padding:.5rem 1rem;font-weight:bold}'

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character)
}
