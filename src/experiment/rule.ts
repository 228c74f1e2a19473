/** What a rule beyond the schema is: a name, a weight, and a look at the written experiment. */
import type { Severity } from '../diagnostics/diagnostic.ts'
import type { Written } from './schema/experiment-schema.ts'
import type { Path } from './tree.ts'

export interface Finding {
  /** What it speaks of; the place is the nearest thing around it that is written. */
  readonly path: Path
  /** Whether the key is at fault, not what stands under it. */
  readonly isKey?: boolean
  readonly message: string
  readonly expected?: string
  readonly received?: string
  readonly hint?: string
}

export interface RuleContext {
  readonly written: Written
  /** `dataset.root` before variables were replaced. */
  readonly rootAsWritten: string
  /** Whether the user wrote the key, in any of the files. */
  readonly isWritten: (path: Path) => boolean
}

export interface Rule {
  /** The diagnostic's code. */
  readonly id: string
  readonly severity: Severity
  readonly check: (context: RuleContext) => readonly Finding[]
}
