/** A first look at a folder of images, before there is an experiment file: which files there are, and how large a few of them are. */
import { readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'

export interface Survey {
  /** Of everything that is called like an image; with forward slashes, sorted. */
  readonly paths: readonly string[]
  /** The size that most of those that were looked at have, and whether others were met. */
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly hasOddSizes: boolean
}

const imageName = /\.(?:png|jpe?g|tiff?|webp|gif|avif)$/iu
/** Files that are opened, spread evenly over all of them. */
const mostOpened = 200

/** Rejects with the system's error where the folder cannot be read. Sizes are 0 where no file could be opened as an image. */
export async function surveyImages(root: string): Promise<Survey> {
  const names = await readdir(root, { recursive: true })
  const paths = names
    .filter((name) => imageName.test(name))
    .map((name) => name.split(sep).join('/'))
    .filter((path) => !path.split('/').some((part) => part.startsWith('.')))
    .sort()
  const step = Math.max(1, Math.ceil(paths.length / mostOpened))
  const sizes = await sizesOf(paths.filter((_, index) => index % step === 0).map((path) => join(root, path)))
  const [usual = '0x0x3', ...others] = byFrequency(sizes)
  const [width = 0, height = 0, channels] = usual.split('x').map(Number)
  return { paths, width, height, channels: channels === 1 ? 1 : 3, hasOddSizes: others.length > 0 }
}

/** `50x50x3` of every file that opens. */
async function sizesOf(files: readonly string[]): Promise<string[]> {
  const { default: sharp } = await import('sharp')
  const sizes = await Promise.all(
    files.map((file) =>
      sharp(file)
        .metadata()
        .then(({ width, height, space }) => `${width}x${height}x${space === 'b-w' ? 1 : 3}`)
        .catch(() => ''),
    ),
  )
  return sizes.filter((size) => size !== '')
}

function byFrequency(values: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a).map(([value]) => value)
}
