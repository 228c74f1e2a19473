/** `runner init [FOLDER]`: what was found, and what to do next. */
import { initExperiment, type Initialised } from '../run/init.ts'
import type { Workspace } from '../run/workspace.ts'
import { shownPath } from './show-run.ts'
import { counted, type Terminal } from './terminal.ts'

export interface InitOptions {
  readonly to?: string
}

/** Throws `Fault` where there is nothing to start from. */
export async function startFile(folder: string | null, { to }: InitOptions, workspace: Workspace, terminal: Terminal): Promise<void> {
  const initialised = await initExperiment({ folder, to: to ?? null, workspace })
  terminal.out(renderInitialised(initialised, workspace.cwd))
}

function renderInitialised({ file, facts: { found, classes, layout, split } }: Initialised, cwd: string): string {
  const path = shownPath(file, cwd)
  const images = classes.map(({ name, images }) => `${name} ${counted(images)}`).join(', ')
  const facts =
    found.images === 0
      ? [['images', 'none yet: synthetic patches stand in for them']]
      : [
          ['images', `${counted(found.images)} of ${found.width} x ${found.height} pixels${found.hasOddSizes ? ', and others' : ''}`],
          ['layout', layout],
          ['classes', images],
          ...(found.patients === null ? [] : [['patients', counted(found.patients)]]),
          ['split', split.kind === 'layout' ? 'as the folders say' : `by ${split.kind}`],
        ]
  return [
    ...facts.map(([name = '', fact = '']) => `${name.padEnd(9)} ${fact}`),
    '',
    `${path} is written. Look at the lines that say "guessed", then:`,
    `  ./runner plan ${path}`,
    `  ./runner ${path}`,
  ].join('\n')
}
