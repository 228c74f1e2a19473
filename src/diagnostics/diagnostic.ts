/**
 * A user's fault as a value: what is wrong, where, what was expected, what was received, and a way out.
 * Offsets are UTF-16 code units into the named file's text; they become lines and frames only when printed.
 */

/** A stretch of a file, or a source without text such as `--set` (then `text` says what was given). */
export interface Place {
  /** Path as the user would type it, relative to the working folder; or a source such as "--set". */
  readonly file: string
  readonly offset: number
  readonly length: number
}

export type Severity = 'error' | 'warning' | 'note'

export interface Diagnostic {
  /** Stable kebab-case identifier such as "unknown-key"; each is documented in docs/errors.md. */
  readonly code: string
  readonly severity: Severity
  /** One sentence without a full stop repeated by the frame: `unknown key "sheer" in augmentation.` */
  readonly message: string
  /** Where; absent for faults of the environment or of the data, which name their file in the message. */
  readonly place?: Place
  readonly expected?: string
  readonly received?: string
  /** The way out: `Did you mean "shear"?`, or a command to run. */
  readonly hint?: string
}

/** The outcome of anything that a user's text, data or machine can spoil. Warnings may stand beside a value. */
export type Outcome<T> =
  | { readonly value: T; readonly diagnostics: readonly Diagnostic[] }
  | { readonly value?: undefined; readonly diagnostics: readonly Diagnostic[] }

/** Thrown only at the border where a story in run/ or cli/ has to stop: carries diagnostics and the exit code of design section 3. */
export class Fault extends Error {
  readonly diagnostics: readonly Diagnostic[]
  readonly exitCode: ExitCode
  /** Texts of the files that places name, for the frames. */
  readonly sources: ReadonlyMap<string, string>
  constructor(diagnostics: readonly Diagnostic[], exitCode: ExitCode, sources: ReadonlyMap<string, string> = new Map()) {
    super(diagnostics.map((diagnostic) => `${diagnostic.code}: ${diagnostic.message}`).join('\n'))
    this.name = 'Fault'
    this.diagnostics = diagnostics
    this.exitCode = exitCode
    this.sources = sources
  }
}

/** 0 done, 1 the experiment is at fault, 2 usage, 3 the environment, 4 the training failed, 130/143 interrupted. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 130 | 143
