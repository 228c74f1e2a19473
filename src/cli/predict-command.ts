/** `runner predict`: a line for each image on stdout or in a file; faults of single images on stderr, at the end. */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { stringify } from 'csv-stringify/sync'
import { renderDiagnostics } from '../diagnostics/frame.ts'
import { predictImages, type Predicted } from '../run/predict.ts'
import type { Preparation } from '../run/prepare.ts'
import type { Terminal } from './terminal.ts'

export interface PredictOptions {
  readonly format: 'csv' | 'jsonl'
  readonly to?: string
  readonly slideMaps?: string
}

/** Resolves with the exit code: 1 where an image could not be read; all the others were predicted. */
export async function showPredictions(
  run: string,
  paths: readonly string[],
  { format, to, slideMaps }: PredictOptions,
  preparation: Preparation,
  terminal: Terminal,
): Promise<number> {
  const predicted = await predictImages(run, paths, preparation)
  const text = format === 'csv' ? asCsv(predicted) : asJsonLines(predicted)
  if (to === undefined) terminal.out(text)
  else await writeFile(resolve(preparation.workspace.cwd, to), `${text}\n`)
  if (slideMaps !== undefined) {
    const { writePredictedMaps } = await import('../run/predicted-maps.ts')
    const slides = await writePredictedMaps(predicted, predicted.experiment, resolve(preparation.workspace.cwd, slideMaps))
    terminal.say(`${slides} ${slides === 1 ? 'slide' : 'slides'}: ${slideMaps}`)
  }
  if (predicted.unreadable.length === 0) return 0
  terminal.say(renderDiagnostics(predicted.unreadable, new Map(), { color: terminal.color }))
  return 1
}

/** Columns as in `predictions.csv`: path, predicted, and p_<class> for each class. */
function asCsv({ classes, images }: Predicted): string {
  const columns = ['path', 'predicted', ...classes.map((name) => `p_${name}`)]
  const records = images.map(({ path, predicted, probabilities }) => [path, predicted, ...probabilities.map(inFull)])
  return stringify(records, { header: true, columns, record_delimiter: '\n' }).trimEnd()
}

function asJsonLines({ classes, threshold, images }: Predicted): string {
  return images
    .map(({ path, predicted, probabilities }) => {
      const named = Object.fromEntries(classes.map((name, index) => [name, Number(inFull(probabilities[index] ?? NaN))]))
      return JSON.stringify({ path, predicted, threshold, probabilities: named })
    })
    .join('\n')
}

/** Nine digits hold every float32. */
function inFull(probability: number): string {
  return String(Number(probability.toPrecision(9)))
}
