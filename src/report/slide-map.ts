/** Patches put back where they lay on the slide: truth, probability and error side by side, a map for each patient. */

/** A patch as a map shows it. */
export interface PlacedImage {
  readonly group: string
  /** Of its left upper corner on the slide, in the slide's pixels. */
  readonly x: number
  readonly y: number
  readonly isPositive: boolean
  readonly isCalled: boolean
  /** Of the positive class. */
  readonly probability: number
}

export interface SlideMap {
  readonly group: string
  readonly images: number
  readonly errors: number
  /** Three panels from left to right: truth, probability, error. */
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

/** Pixels of a panel that small slides are drawn up to, and of a patch's side at least and at most. */
const wished = 200
const [smallest, largest] = [5, 16]
const gap = 20
const mostCells = 250_000

/** The patients with most errors first. Those whose patches lie on no grid of a bearable size have none. */
export async function slideMaps(images: readonly PlacedImage[]): Promise<SlideMap[]> {
  const { default: sharp } = await import('sharp')
  const maps = [...byGroup(images)].map(async ([group, members]): Promise<SlideMap | null> => {
    const raster = draw(members)
    if (!raster) return null
    const { pixels, width, height } = raster
    const errors = members.filter(({ isPositive, isCalled }) => isPositive !== isCalled).length
    const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png({ palette: true })
      .toBuffer()
    return { group, images: members.length, errors, png }
  })
  const drawn = (await Promise.all(maps)).filter((map) => map !== null)
  return drawn.sort((a, b) => b.errors / b.images - a.errors / a.images || (a.group < b.group ? -1 : 1))
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
  const width = 3 * panel + 2 * gap
  const height = rows.cells * side
  const pixels = new Uint8Array(width * height * 3).fill(255)
  const paint = (column: number, row: number, number: number, colour: Colour): void => {
    for (let line = row * side; line < (row + 1) * side; line++)
      for (let pixel = 0; pixel < side; pixel++) pixels.set(colour, (line * width + number * (panel + gap) + column * side + pixel) * 3)
  }
  for (const image of images) {
    const column = Math.round((image.x - columns.first) / columns.pitch)
    const row = Math.round((image.y - rows.first) / rows.pitch)
    paint(column, row, 0, image.isPositive ? colours.positive : colours.negative)
    paint(column, row, 1, between(colours.negative, colours.positive, image.probability))
    paint(column, row, 2, errorColour(image))
  }
  return { pixels, width, height }
}

function errorColour({ isPositive, isCalled }: PlacedImage): Colour {
  if (isPositive === isCalled) return colours.right
  return isPositive ? colours.missed : colours.falseAlarm
}

function between(from: Colour, to: Colour, share: number): Colour {
  const mix = (a: number, b: number): number => Math.round(a + (b - a) * share)
  return [mix(from[0], to[0]), mix(from[1], to[1]), mix(from[2], to[2])]
}
