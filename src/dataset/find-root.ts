/** Where the images lie: the root that the experiment names, or synthetic images in the place of a default that is absent. */
import { stat } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import type { Outcome } from '../diagnostics/diagnostic.ts'
import type { Located } from '../experiment/experiment.ts'
import type { ReadProgress } from './inventory.ts'
import { placeNear } from '../experiment/places.ts'
import { makeSynthetic } from './synthetic.ts'

export interface Root {
  /** Absolute. */
  readonly root: string
  readonly isSynthetic: boolean
}

/** `home` is where relative roots start; synthetic data are made under its `datasets`. */
export async function findRoot(located: Located, home: string, onProgress: (progress: ReadProgress) => void): Promise<Outcome<Root>> {
  const { dataset } = located.experiment
  const root = isAbsolute(dataset.root) ? dataset.root : resolve(home, dataset.root)
  const found = await stat(root).catch(() => null)
  if (found?.isDirectory()) return { value: { root, isSynthetic: false }, diagnostics: [] }
  if (!found && dataset.isDefaultRoot && dataset.whenMissing === 'synthetic') {
    const made = await makeSynthetic(dataset, { folder: join(home, 'datasets'), onProgress })
    return { value: { root: made, isSynthetic: true }, diagnostics: [] }
  }
  const variable = /\$\{(\w+)/.exec(dataset.rootAsWritten)?.[1]
  const give = 'give --set dataset.root=FOLDER'
  const ways = [
    variable === undefined
      ? `Relative roots start at the project; correct dataset.root, or ${give}`
      : `Set ${variable} to the folder of the images, or ${give}`,
    ...(dataset.isDefaultRoot ? ['or let whenMissing: synthetic draw some'] : []),
  ]
  return {
    diagnostics: [
      {
        code: 'dataset-missing',
        severity: 'error',
        message: found ? `${dataset.root} is no folder` : `there is no folder ${dataset.root}`,
        ...placeNear(located, 'dataset.root'),
        hint: `${ways.join(', ')}.`,
      },
    ],
  }
}
