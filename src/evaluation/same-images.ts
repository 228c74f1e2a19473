/** Whether two runs were asked about the same images, and if not, how they differ. */
import type { SplitName } from '../dataset/manifest.ts'

/** An image as a run saw it. */
export interface SeenImage {
  readonly path: string
  readonly sha256: string
  readonly group: string
  readonly class: number
}

export const wordOf: Readonly<Record<SplitName, string>> = { train: 'training', validation: 'validation', test: 'test' }

/** Empty where they are the same; else a phrase for each kind of difference, with its count and first example. */
export function differencesOf(a: readonly SeenImage[], b: readonly SeenImage[]): string[] {
  const [inA, inB] = [byPath(a), byPath(b)]
  const both = a.flatMap((image) => {
    const other = inB.get(image.path)
    return other ? [{ image, other }] : []
  })
  const differing = (differs: (pair: { readonly image: SeenImage; readonly other: SeenImage }) => boolean): string[] =>
    both.filter(differs).map(({ image }) => image.path)
  return [
    ...phrase(
      a.filter(({ path }) => !inB.has(path)).map(({ path }) => path),
      'only the first has',
    ),
    ...phrase(
      b.filter(({ path }) => !inA.has(path)).map(({ path }) => path),
      'only the second has',
    ),
    ...phrase(
      differing(({ image, other }) => image.sha256 !== other.sha256),
      'have other pixels',
    ),
    ...phrase(
      differing(({ image, other }) => image.class !== other.class),
      'have another class',
    ),
    ...phrase(
      differing(({ image, other }) => image.group !== other.group),
      'belong to another group',
    ),
  ]
}

/** `320 images of 5 groups` */
export function sizeOf(images: readonly SeenImage[]): string {
  return `${images.length} images of ${new Set(images.map(({ group }) => group)).size} groups`
}

function byPath(images: readonly SeenImage[]): ReadonlyMap<string, SeenImage> {
  return new Map(images.map((image) => [image.path, image]))
}

function phrase(paths: readonly string[], what: string): string[] {
  const [first] = paths
  return first === undefined ? [] : [`${paths.length} that ${what}, such as ${first}`]
}
