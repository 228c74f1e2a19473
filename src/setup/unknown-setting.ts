/** An environment variable of ours that says something nobody understands. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'

export interface UnknownSetting {
  readonly code: string
  readonly variable: string
  /** What its value should name: "build of TensorFlow". */
  readonly names: string
  readonly expected: string
  readonly received: string
}

export function unknownSetting({ code, variable, names, expected, received }: UnknownSetting): Diagnostic {
  return {
    code,
    severity: 'error',
    message: `the environment variable ${variable} names no ${names}`,
    expected,
    received: `"${received}"`,
    hint: 'Unset it to let runner choose.',
  }
}
