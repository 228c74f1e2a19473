/**
 * Patches put back where they lay on the slide, a map for each patient: truth, probability and error side by side, or, of patches whose truth nobody
 * knows, probability and call. With more than two classes each has a colour, paler the less probable.
 */
import { parseLayout } from '../dataset/layout.ts'
import { predictedClasses } from '../evaluation/decisions.ts'
import type { Judgement, Predictions } from '../evaluation/evaluate.ts'

/** A patch as a map shows it. */
export interface PlacedImage {
  readonly group: string
  /** Of its left upper corner on the slide, in the slide's pixels. */
  readonly x: number
  readonly y: number
  /** The class; null where nobody knows. */
  readonly truth: number | null
  readonly called: number
  /** Of the positive class; without one, of what was called. */
  readonly probability: number
}

export interface SlideMap {
  readonly group: string
  readonly images: number
  /** Null where the truth is not known. */
  readonly errors: number | null
  /** How many are called positive; null without a positive class. */
  readonly called: number | null
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

/** Of more than two classes, those of the curves of each against the rest (tableau10); an eleventh begins anew. */
const classColours: readonly Colour[] = [
  [76, 120, 168],
  [245, 133, 24],
  [228, 87, 86],
  [114, 183, 178],
  [84, 162, 75],
  [238, 202, 59],
  [178, 121, 162],
  [255, 157, 166],
  [157, 117, 93],
  [186, 176, 172],
]

/** How to read maps, in words; of more than two classes beside `classKey`. */
export function slideMapLegend(positive: number | null): string {
  return positive === null
    ? 'Left the truth, in the middle what was called, paler the less probable; right the errors: light grey is right, black is wrong.'
    : 'Left the truth, in the middle the probability, both from light (negative) to dark brown (positive); right the errors: light grey is right, orange a false alarm, black a missed positive.'
}

/** The same of maps without a truth. */
export function predictedMapLegend(positive: number | null): string {
  return positive === null
    ? 'Left what is called, paler the less probable; right the same without.'
    : 'Left the probability, from light (negative) to dark brown (positive); right what is called positive at the threshold, dark brown.'
}

/** Each class with its colour as CSS has it; none where there is a positive one. */
export function classKey({
  classes,
  positive,
}: Pick<Judgement, 'classes' | 'positive'>): readonly (readonly [name: string, colour: string])[] {
  return positive === null ? classes.map((name, index) => [name, `rgb(${classColour(index).join(' ')})`]) : []
}

/** Pixels of a panel that small slides are drawn up to, and of a patch's side at least and at most. */
const wished = 200
const [smallest, largest] = [5, 16]
const gap = 20
const mostCells = 250_000

/** What lies on a slide of predictions whose truth is known. None where the layout has no place. */
export function placeOnSlides(
  { rows, probabilities }: Predictions,
  { classes, positive }: Judgement,
  threshold: number | null,
  layout: string,
): PlacedImage[] {
  const { read } = parseLayout(layout)
  const called = predictedClasses(probabilities, classes.length, positive, threshold ?? 0.5)
  return rows.flatMap((row, index): PlacedImage[] => {
    const { x = null, y = null } = read(row.path) ?? {}
    if (x === null || y === null) return []
    const own = called[index] ?? 0
    const probability = probabilities[index * classes.length + (positive ?? own)] ?? 0
    return [{ group: row.group, x, y, truth: row.class, called: own, probability }]
  })
}

/** The patients with most errors first, or those with most that is called positive. Those whose patches lie on no grid of a bearable size have none. */
export async function slideMaps(images: readonly PlacedImage[], positive: number | null): Promise<SlideMap[]> {
  const { default: sharp } = await import('sharp')
  const maps = [...byGroup(images)].map(async ([group, members]): Promise<SlideMap | null> => {
    const raster = draw(members, positive)
    if (!raster) return null
    const { pixels, width, height } = raster
    const isKnown = members.every(({ truth }) => truth !== null)
    const errors = isKnown ? members.filter(({ truth, called }) => truth !== called).length : null
    const called = positive === null ? null : members.filter((member) => member.called === positive).length
    const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png({ palette: true })
      .toBuffer()
    return { group, images: members.length, errors, called, png }
  })
  const drawn = (await Promise.all(maps)).filter((map) => map !== null)
  const share = ({ errors, called, images }: SlideMap): number => (errors ?? called ?? 0) / images
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

function draw(
  images: readonly PlacedImage[],
  positive: number | null,
): { readonly pixels: Uint8Array; readonly width: number; readonly height: number } | null {
  const columns = axis(images.map(({ x }) => x))
  const rows = axis(images.map(({ y }) => y))
  if (columns.cells * rows.cells > mostCells) return null
  const side = Math.max(smallest, Math.min(largest, Math.floor(wished / columns.cells)))
  const panel = columns.cells * side
  const { truth, probability, call, error } = positive === null ? ofMany : ofTwo(positive)
  const panels = images.every((image) => image.truth !== null) ? [truth, probability, error] : [probability, call]
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

interface Colouring {
  readonly truth: (image: PlacedImage) => Colour
  readonly probability: (image: PlacedImage) => Colour
  readonly call: (image: PlacedImage) => Colour
  readonly error: (image: PlacedImage) => Colour
}

function ofTwo(positive: number): Colouring {
  const sideOf = (index: number | null): Colour => (index === positive ? colours.positive : colours.negative)
  return {
    truth: ({ truth }) => sideOf(truth),
    probability: ({ probability }) => between(colours.negative, colours.positive, probability),
    call: ({ called }) => sideOf(called),
    error({ truth, called }) {
      if (truth === called) return colours.right
      return truth === positive ? colours.missed : colours.falseAlarm
    },
  }
}

const ofMany: Colouring = {
  truth: ({ truth }) => classColour(truth ?? 0),
  probability: ({ called, probability }) => between(colours.empty, classColour(called), probability),
  call: ({ called }) => classColour(called),
  error: ({ truth, called }) => (truth === called ? colours.right : colours.missed),
}

function classColour(index: number): Colour {
  return classColours[index % classColours.length] ?? colours.missed
}

function between(from: Colour, to: Colour, share: number): Colour {
  const mix = (a: number, b: number): number => Math.round(a + (b - a) * share)
  return [mix(from[0], to[0]), mix(from[1], to[1]), mix(from[2], to[2])]
}
