/** Diagnostics in the order in which a reader meets their places; those without a place come first. */
import type { Diagnostic } from './diagnostic.ts'

export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...diagnostics].sort(
    (a, b) =>
      compareText(a.place?.file ?? '', b.place?.file ?? '') ||
      (a.place?.offset ?? -1) - (b.place?.offset ?? -1) ||
      compareText(a.code, b.code) ||
      compareText(a.message, b.message),
  )
}

/** Whether any of them forbids to go on. */
export function hasError(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === 'error')
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
