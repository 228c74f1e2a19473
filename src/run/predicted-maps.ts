/** Slide maps of new images: what the model says of each patch, put back where its name says that it lay. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { parseLayout } from '../dataset/layout.ts'
import { Fault } from '../diagnostics/diagnostic.ts'
import { caveatSentence } from '../evaluation/comparison-sentences.ts'
import type { Experiment } from '../experiment/experiment.ts'
import { colourKey, figure, html, page, paragraphs } from '../report/page.ts'
import { classKey, predictedMapLegend, slideMaps, type PlacedImage } from '../report/slide-map.ts'
import type { Predicted } from './predict.ts'
import { mapFileName } from './results.ts'

/**
 * Writes a PNG for each slide into the folder, and `index.html` with all of them; resolves with how many slides there are. Throws `Fault` where no name
 * has a place.
 */
export async function writePredictedMaps(predicted: Predicted, { dataset, split }: Experiment, folder: string): Promise<number> {
  const { positive, layout } = dataset
  const by = split.kind === 'draw' ? split.by : 'patient'
  const images = predicted.images.flatMap(({ path, predicted: called, probabilities }): PlacedImage[] => {
    const place = placeOf(path, dataset, by)
    if (!place) return []
    const own = predicted.classes.indexOf(called)
    return [{ ...place, truth: null, called: own, probability: probabilities[positive ?? own] ?? 0 }]
  })
  const maps = await slideMaps(images, positive)
  if (maps.length === 0) throw noPlaces(layout)
  await mkdir(folder, { recursive: true })
  for (const [index, { group, png }] of maps.entries()) await writeFile(join(folder, mapFileName(index, group)), png)
  const counted = (called: number | null, patches: number): string =>
    called === null ? `${patches} patches` : `${called} of ${patches} called ${predicted.classes[positive ?? 0] ?? ''}`
  const figures = maps.map(
    ({ group, images: patches, called, png }) =>
      html`<div>${figure(png, 'image/png', `Slide map of ${group}`)}<span class="note">${group}: ${counted(called, patches)}</span></div>`,
  )
  const threshold = positive === null ? '' : ` The threshold is ${(predicted.threshold ?? 0.5).toFixed(3)}.`
  const body = [
    ...paragraphs(predicted.caveats.map(caveatSentence), 'alarm'),
    ...paragraphs([`By the selected weights of ${predicted.run}. ${predictedMapLegend(positive)}${threshold}`], 'note'),
    ...colourKey(classKey({ classes: predicted.classes, positive })),
    html`<div class="maps">${figures}</div>`,
  ]
  await writeFile(join(folder, 'index.html'), page('Slide maps', body))
  return maps.length
}

/** By the end of the path, read as the layout has it; where that does not fit, by the file's name, and the folder is the slide. */
function placeOf(path: string, { layout, classes }: Experiment['dataset'], by: string): Pick<PlacedImage, 'group' | 'x' | 'y'> | null {
  const parts = path.split(sep)
  const depth = layout.split('/').length
  const read = parseLayout(layout).read(parts.slice(-depth).join('/'))
  const own = read?.names['class']
  const whole = own === undefined || classes.some(({ folder }) => folder === own) ? read : null
  const { x = null, y = null } = whole ?? parseLayout(layout.split('/').at(-1) ?? '').read(parts.at(-1) ?? '') ?? {}
  if (x === null || y === null) return null
  return { group: whole?.names[by] ?? dirname(path), x, y }
}

function noPlaces(layout: string): Fault {
  const message = `no image's name says where it lies on a slide, as the layout ${layout} would have it`
  return new Fault([{ code: 'no-places', severity: 'error', message, hint: 'Leave --slide-maps out.' }], 1)
}
