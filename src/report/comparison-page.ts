/** A comparison as one HTML file that needs nothing else: the picture, the groups, the verdicts. */
import type { Comparison } from '../evaluation/compare.ts'
import { signed, writeP } from '../evaluation/verdict.ts'
import { comparisonPlot } from './comparison-plot.ts'

export interface ComparisonToShow {
  readonly split: string
  readonly comparison: Comparison
  readonly caveats: readonly string[]
}

export async function comparisonPage({ split, comparison, caveats }: ComparisonToShow): Promise<string> {
  const { groups, pairs, best, metric, images, patients, units } = comparison
  const { svg } = await comparisonPlot(comparison)
  const title = `${groups.map(({ name }) => name).join(', ')}: ${metric} on ${split}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escape(title)}</h1>
${caveats.map((caveat) => `<p class="alarm">${escape(caveat)}: these numbers do not mean what they would otherwise.</p>`).join('\n')}
<p>${images} images of ${patients} ${escape(units)}.</p>
${svg}
<h2>Groups</h2>
${table(
  ['group', 'seeds', metric, '95 %', 'sd of seeds', ...Object.keys(groups[0]?.metrics ?? {})],
  groups.map((group) => [
    group.name,
    group.runs.map(({ seed }) => seed).join(', '),
    group.mean.toFixed(4),
    `${group.low.toFixed(4)} to ${group.high.toFixed(4)}`,
    group.standardDeviation?.toFixed(4) ?? '–',
    ...Object.values(group.metrics).map((value) => value.toFixed(4)),
  ]),
)}
<h2>Pairs</h2>
${table(
  ['pair', 'difference', '95 %', 'p', 'after Holm', 'detectable', 'verdict'],
  pairs.map((pair) => [
    `${pair.first} − ${pair.second}`,
    signed(pair.difference),
    `${signed(pair.low)} to ${signed(pair.high)}`,
    writeP(pair.p),
    writeP(pair.adjustedP),
    pair.smallestDetectable.toFixed(3),
    pair.verdict.sentence,
  ]),
)}
${best ? `<p>${escape(best.name)} looks best of ${groups.length} with ${best.value.toFixed(4)}; the choice is worth ${best.corrected.toFixed(4)} on new ${escape(units)}.</p>` : ''}
<h2>Runs</h2>
${table(
  ['group', 'run', 'seed', 'threshold', metric],
  groups.flatMap(({ name, runs }) =>
    runs.map(({ run, seed, threshold, value }) => [name, run, String(seed), threshold?.toFixed(3) ?? '–', value.toFixed(4)]),
  ),
)}
</body>
</html>
`
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]): string =>
    `<tr>${row.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`
  return `<table>\n${cells('th', heading)}\n${rows.map((row) => cells('td', row)).join('\n')}\n</table>`
}

const style =
  'body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}table{border-collapse:collapse}td,th{padding:.3rem .7rem;border-bottom:1px solid #ddd;text-align:left}svg{max-width:100%;height:auto}.alarm{background:#b00020;color:#fff;padding:.5rem 1rem;font-weight:bold}'

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character)
}
