/** Diagnostics for programs: what `--format json` prints. */
import type { Diagnostic } from './diagnostic.ts'
import type { Sources } from './frame.ts'
import { positionAt } from './position.ts'
import type { Position } from './position.ts'
import { sortDiagnostics } from './sort.ts'

export interface DiagnosticRecord extends Omit<Diagnostic, 'place'> {
  readonly file?: string
  readonly start?: Position
  /** The first position behind the stretch. */
  readonly end?: Position
}

export function diagnosticRecords(diagnostics: readonly Diagnostic[], sources: Sources): DiagnosticRecord[] {
  return sortDiagnostics(diagnostics).map(({ place, ...rest }) => {
    const text = place && sources.get(place.file)
    if (!place) return rest
    if (text === undefined) return { ...rest, file: place.file }
    return { ...rest, file: place.file, start: positionAt(text, place.offset), end: positionAt(text, place.offset + place.length) }
  })
}
