/** Where a command works: passed in once by the command line, so that no story reads the process. */
import { join } from 'node:path'

export interface Workspace {
  /** The repository: node_modules/, .venv/, .setup/. */
  readonly projectRoot: string
  /** Where runs/ and datasets/ lie. */
  readonly home: string
  /** Where the user stands: paths on the command line are relative to it. */
  readonly cwd: string
  readonly environment: NodeJS.ProcessEnv
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export function runsOf({ home }: Workspace): string {
  return join(home, 'runs')
}
