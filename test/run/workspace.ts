/** Files in a folder of their own, and the workspace of a user who stands in it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Workspace } from '../../src/run/workspace.ts'
import { projectRoot } from '../runner.ts'

export interface Desk {
  readonly workspace: Workspace
  readonly write: (path: string, content: string | Uint8Array) => Promise<void>
  readonly remove: () => Promise<void>
}

export async function makeDesk(environment: NodeJS.ProcessEnv = {}): Promise<Desk> {
  const cwd = await mkdtemp(join(tmpdir(), 'runner-desk-'))
  return {
    workspace: { projectRoot, home: cwd, cwd, environment, now: Date.now },
    async write(path, content) {
      await mkdir(dirname(join(cwd, path)), { recursive: true })
      await writeFile(join(cwd, path), content)
    },
    remove: () => rm(cwd, { recursive: true, force: true }),
  }
}
