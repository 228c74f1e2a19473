/**
 * Patches put back where they lay on the slide, a map for each patient: truth, probability and error side by side, or, of patches whose truth nobody
 * knows, probability and call.
 */
import { parseLayout } from '../dataset/layout.ts'
import { columnOf, predictedClasses } from '../evaluation/decisions.ts'
import type { Judgement, Predictions } from '../evaluation/evaluate.ts'

/** A patch as a map shows it. */
export interface PlacedImage {
  readonly group: string
  /** Of its left upper corner on the slide, in the slide's pixels. */
  readonly x: number
  readonly y: number
  /** Null where nobody knows. */
  readonly isPositive: boolean | null
  readonly isCalled: boolean
  /** Of the positive class. */
  readonly probability: number
}

export interface SlideMap {
  readonly group: string
  readonly images: number
  /** Null where the truth is not known. */
  readonly errors: number | null
  /** How many are called positive. */
  readonly called: number
  readonly png: Uint8Array
}

type Colour = readonly [number, number, number]
/** Each lighter or darker than the others of its panel, so that they differ without colour too. */
const colours = {
  empty: [255, 255, 255],
  negative: [190, 215, 235],
  positive: [150, 60, 0],
  right: [215, 215, 215],
  missed: [20, 20, 20],
  falseAlarm: [213, 94, 0],
} as const satisfies Readonly<Record<string, Colour>>

/** How to read them, in words. */
export const slideMapLegend =
  'Left the truth, in the middle the probability, both from light (negative) to dark brown (positive); right the errors: light grey is right, orange a false alarm, black a missed positive.'

/** The same of maps without a truth. */
export const predictedMapLegend =
  'Left the probability, from light (negative) to dark brown (positive); right what is called positive at the threshold, dark brown.'

/** Pixels of a panel that small slides are drawn up to, and of a patch's side at least and at most. */
const wished = 200
const [smallest, largest] = [5, 16]
const gap = 20
const mostCells = 250_000

/** What lies on a slide of predictions whose truth is known. None where the layout has no place, or there is no positive class. */
export function placeOnSlides(
  { rows, probabilities }: Predictions,
  { classes, positive }: Judgement,
  threshold: number | null,
  layout: string,
): PlacedImage[] {
  if (positive === null) return []
  const { read } = parseLayout(layout)
  const called = predictedClasses(probabilities, classes.length, positive, threshold ?? 0.5)
  const scores = columnOf(probabilities, classes.length, positive)
  return rows.flatMap((row, index): PlacedImage[] => {
    const { x = null, y = null } = read(row.path) ?? {}
    if (x === null || y === null) return []
    const isPositive = row.class === positive
    return [{ group: row.group, x, y, isPositive, isCalled: called[index] === positive, probability: scores[index] ?? 0 }]
  })
}

/** The patients with most errors first, or those with most that is called. Those whose patches lie on no grid of a bearable size have none. */
export async function slideMaps(images: readonly PlacedImage[]): Promise<SlideMap[]> {
  const { default: sharp } = await import('sharp')
  const maps = [...byGroup(images)].map(async ([group, members]): Promise<SlideMap | null> => {
    const raster = draw(members)
    if (!raster) return null
    const { pixels, width, height } = raster
    const isKnown = members.every(({ isPositive }) => isPositive !== null)
    const errors = isKnown ? members.filter(({ isPositive, isCalled }) => isPositive !== isCalled).length : null
    const called = members.filter(({ isCalled }) => isCalled).length
    const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png({ palette: true })
      .toBuffer()
    return { group, images: members.length, errors, called, png }
  })
  const drawn = (await Promise.all(maps)).filter((map) => map !== null)
  const share = ({ errors, called, images }: SlideMap): number => (errors ?? called) / images
  return drawn.sort((a, b) => share(b) - share(a) || (a.group < b.group ? -1 : 1))
}

function byGroup(images: readonly PlacedImage[]): ReadonlyMap<string, readonly PlacedImage[]> {
  const groups = new Map<string, PlacedImage[]>()
  for (const image of images) groups.set(image.group, [...(groups.get(image.group) ?? []), image])
  return groups
}

/** The steps that the places have in common, and where they begin. */
function axis(values: readonly number[]): { readonly first: number; readonly pitch: number; readonly cells: number } {
  const sorted = [...new Set(values)].sort((a, b) => a - b)
  const [first = 0] = sorted
  const steps = sorted.slice(1).map((value, index) => value - (sorted[index] ?? 0))
  const pitch = steps.length === 0 ? 1 : Math.min(...steps)
  return { first, pitch, cells: Math.round(((sorted.at(-1) ?? first) - first) / pitch) + 1 }
}

function draw(images: readonly PlacedImage[]): { readonly pixels: Uint8Array; readonly width: number; readonly height: number } | null {
  const columns = axis(images.map(({ x }) => x))
  const rows = axis(images.map(({ y }) => y))
  if (columns.cells * rows.cells > mostCells) return null
  const side = Math.max(smallest, Math.min(largest, Math.floor(wished / columns.cells)))
  const panel = columns.cells * side
  const panels = images.every(({ isPositive }) => isPositive !== null)
    ? [truthColour, probabilityColour, errorColour]
    : [probabilityColour, callColour]
  const width = panels.length * (panel + gap) - gap
  const height = rows.cells * side
  const pixels = new Uint8Array(width * height * 3).fill(255)
  const paint = (column: number, row: number, number: number, colour: Colour): void => {
    for (let line = row * side; line < (row + 1) * side; line++)
      for (let pixel = 0; pixel < side; pixel++) pixels.set(colour, (line * width + number * (panel + gap) + column * side + pixel) * 3)
  }
  for (const image of images) {
    const column = Math.round((image.x - columns.first) / columns.pitch)
    const row = Math.round((image.y - rows.first) / rows.pitch)
    for (const [number, colour] of panels.entries()) paint(column, row, number, colour(image))
  }
  return { pixels, width, height }
}

function truthColour({ isPositive }: PlacedImage): Colour {
  return isPositive === true ? colours.positive : colours.negative
}

function probabilityColour({ probability }: PlacedImage): Colour {
  return between(colours.negative, colours.positive, probability)
}

function callColour({ isCalled }: PlacedImage): Colour {
  return isCalled ? colours.positive : colours.negative
}

function errorColour({ isPositive, isCalled }: PlacedImage): Colour {
  if (isPositive === isCalled) return colours.right
  return isPositive === true ? colours.missed : colours.falseAlarm
}

function between(from: Colour, to: Colour, share: number): Colour {
  const mix = (a: number, b: number): number => Math.round(a + (b - a) * share)
  return [mix(from[0], to[0]), mix(from[1], to[1]), mix(from[2], to[2])]
}
