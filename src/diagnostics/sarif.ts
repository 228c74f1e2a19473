/** Diagnostics as SARIF 2.1.0 (OASIS), the form in which code hosts and editors take the findings of a checker. */
import { sentenceOf, type Sources } from './frame.ts'
import type { Diagnostic } from './diagnostic.ts'
import { positionAt } from './position.ts'
import { sortDiagnostics } from './sort.ts'

const schema = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json'
const errorsPage = 'docs/errors.md'

/** What one file's check found, with the texts its places point into. */
export interface Findings {
  readonly diagnostics: readonly Diagnostic[]
  readonly sources: Sources
}

/** One log with one run. Files are named as the user named them, relative to the working folder; columns count UTF-16 code units. */
export function sarifLog(findings: readonly Findings[], version: string): object {
  const codes = [...new Set(findings.flatMap(({ diagnostics }) => diagnostics.map(({ code }) => code)))].sort()
  const rules = codes.map((id) => ({ id, help: { text: `${errorsPage} explains ${id} and what to do about it.` } }))
  const results = findings.flatMap(({ diagnostics, sources }) =>
    sortDiagnostics(diagnostics).map((diagnostic) => ({
      ruleId: diagnostic.code,
      ruleIndex: codes.indexOf(diagnostic.code),
      level: diagnostic.severity,
      message: { text: sentenceOf(diagnostic) },
      ...locationsOf(diagnostic, sources),
    })),
  )
  return {
    $schema: schema,
    version: '2.1.0',
    runs: [{ tool: { driver: { name: 'runner', version, rules } }, columnKind: 'utf16CodeUnits', results }],
  }
}

/** What came from the command line has a name, but no file. */
function locationsOf({ place }: Diagnostic, sources: Sources): object {
  if (!place) return {}
  if (place.file.startsWith('--')) return { locations: [{ logicalLocations: [{ fullyQualifiedName: place.file }] }] }
  const text = sources.get(place.file)
  const artifactLocation = { uri: encodeURI(place.file).replaceAll('#', '%23').replaceAll('?', '%3F') }
  if (text === undefined) return { locations: [{ physicalLocation: { artifactLocation } }] }
  const [start, end] = [positionAt(text, place.offset), positionAt(text, place.offset + place.length)]
  const region = { startLine: start.line, startColumn: start.column, endLine: end.line, endColumn: end.column }
  return { locations: [{ physicalLocation: { artifactLocation, region } }] }
}
