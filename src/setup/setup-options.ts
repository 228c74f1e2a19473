/** What every part of the set-up is given, and what it tells while it works. */

export interface SetupOptions {
  /** Absolute path of the repository: node_modules/, .venv/ and .setup/ lie there. */
  readonly projectRoot: string
  readonly environment: NodeJS.ProcessEnv
  /** Called only when something is done; a set-up that is complete says nothing. */
  readonly report: (progress: SetupProgress) => void
}

export type SetupPart = 'python environment' | 'tensorflow' | 'binding' | 'pjrt' | 'mlflow'

export interface SetupProgress {
  readonly part: SetupPart
  /** `working` comes between the two others, any number of times. */
  readonly state: 'started' | 'working' | 'done'
  /** What is being done, in the user's words, without a full stop. */
  readonly text: string
}
