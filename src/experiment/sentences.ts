/** Every sentence about an experiment file, named after the fact it tells. Each code has its paragraph in docs/errors.md. */
import type { Diagnostic, Place } from '../diagnostics/diagnostic.ts'
import { listWords, nearestWord } from '../diagnostics/nearest.ts'

type More = Pick<Diagnostic, 'expected' | 'received' | 'hint' | 'severity'>

function fault(code: string, place: Place, message: string, more: Partial<More> = {}): Diagnostic {
  return { code, severity: 'error', message, place, ...more }
}

function quote(value: unknown): string {
  const shown = typeof value === 'string' ? `"${value}"` : JSON.stringify(value)
  return shown.length > 60 ? `${shown.slice(0, 57)}…` : shown
}

function describeValue(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  if (typeof value === 'object') return `a map of ${Object.keys(value).slice(0, 4).join(', ') || 'nothing'}`
  return typeof value === 'string' ? `the text ${quote(value)}` : quote(value)
}

/** `Did you mean "shear"?`, or the whole choice where nothing is near and it is short enough to read. */
function wayOut(received: string, words: readonly string[]): { readonly hint?: string } {
  const near = nearestWord(received, words)
  if (near !== undefined) return { hint: `Did you mean "${near}"?` }
  return words.length > 0 && words.length <= 20 ? { hint: `Allowed: ${listWords(words)}.` } : {}
}

const owner = (path: string): string => (path === '' ? 'the experiment' : path)

// Files and YAML

export const fileUnreadable = (place: Place | undefined, file: string, why: string): Diagnostic => ({
  code: 'file-unreadable',
  severity: 'error',
  message: `${file} cannot be read: ${why}`,
  ...(place ? { place } : {}),
})
export const fileTooLarge = (place: Place, largest: number): Diagnostic =>
  fault('file-too-large', place, 'the file is too large for an experiment', { expected: `${largest} characters at most` })
export const nestedTooDeep = (place: Place, deepest: number): Diagnostic =>
  fault('nested-too-deep', place, `nested more than ${deepest} levels deep`, { hint: 'Does an alias stand inside its own anchor?' })
export const tooManyValues = (place: Place, most: number): Diagnostic =>
  fault('too-many-values', place, `more than ${most} values, with aliases unfolded`, { hint: 'Write the values out, or fewer of them.' })
export const keyNotText = (place: Place): Diagnostic =>
  fault('key-not-text', place, 'a key has to be a plain text', { hint: 'Quote it where it begins with one of ? { [ * &.' })
export const tagRefused = (place: Place, tag: string): Diagnostic =>
  fault('yaml-tag', place, `the tag ${tag} is not allowed`, { hint: 'Write the plain value.' })

/** Faults of the yaml library that deserve words of ours; the others keep theirs. */
const yamlFaults: Readonly<Record<string, { readonly code?: string; readonly message?: string; readonly hint: string }>> = {
  TAB_AS_INDENT: { code: 'yaml-tab', message: 'a tab cannot indent', hint: 'Indent with spaces.' },
  DUPLICATE_KEY: { code: 'duplicate-key', message: 'this key stands twice in one map', hint: 'Remove one of the two.' },
  TAG_RESOLVE_FAILED: { code: 'yaml-tag', message: 'tags are not allowed', hint: 'Write the plain value.' },
  MISSING_CHAR: { hint: 'A quote or bracket is not closed, or a colon is missing.' },
  BAD_INDENT: { hint: 'Keys of one map stand in one column, and a bracket is closed where it was opened.' },
  MULTIPLE_DOCS: { message: 'a second document begins here', hint: 'One file holds one experiment; remove the --- between.' },
}
export const yamlFault = (place: Place, code: string, message: string): Diagnostic => {
  const known = yamlFaults[code]
  const sentence = (message.split('\n')[0] ?? '').replace(/[.:]$/u, '')
  const own = known?.message ?? sentence.charAt(0).toLowerCase() + sentence.slice(1)
  return fault(known?.code ?? 'yaml-syntax', place, own, known ? { hint: known.hint } : {})
}

export const notAMap = (place: Place): Diagnostic =>
  fault('not-a-map', place, 'an experiment is a map of keys and values', { hint: 'Begin with a line such as: name: baseline' })
export const extendsCycle = (place: Place, chain: readonly string[]): Diagnostic =>
  fault('extends-cycle', place, `the file extends itself: ${chain.join(' -> ')}`, { hint: 'Take one of the extends lines out.' })

// --set and variables

export const setWithoutValue = (place: Place): Diagnostic =>
  fault('set-syntax', place, '--set needs a path and a value', { hint: 'Write --set path.to.key=value; the value null removes the key.' })
export const setNowhere = (place: Place, list: string, part: string, known: readonly string[]): Diagnostic =>
  fault('set-nowhere', place, `${list} has no "${part}"`, { expected: 'an index from 0, or the id of a layer', ...wayOut(part, known) })
/** Of a path that was asked for, not written; `elsewhere` are the paths of the file that end as it does. */
export const unknownPath = (path: string, part: string, at: string, known: readonly string[], elsewhere: readonly string[]): Diagnostic => {
  const near = nearestWord(part, known)
  const whole = (key: string): string => (at === '' ? key : `${at}.${key}`)
  const hint =
    near !== undefined
      ? `Did you mean "${whole(near)}"?`
      : elsewhere.length > 0
        ? `It stands at ${listWords(elsewhere.slice(0, 3))}.`
        : known.length > 0
          ? `Known there: ${listWords(known)}.`
          : 'A plain value stands there, and nothing below it.'
  return { code: 'path-unknown', severity: 'error', message: `there is no ${path}: ${owner(at)} has no "${part}"`, hint }
}
export const variableUnset = (place: Place, name: string): Diagnostic =>
  fault('variable-unset', place, `the environment has no ${name}`, { hint: `Set ${name}, or give a default: \${${name}:-…}.` })
export const variableSyntax = (place: Place, text: string): Diagnostic =>
  fault('variable-syntax', place, `${quote(text)} is no variable`, {
    expected: '${NAME} or ${NAME:-default}',
    hint: 'Write $${ for a plain ${.',
  })

// Schema

/** `elsewhere` are the paths at which a key of that name is known. */
export const unknownKey = (
  place: Place,
  key: string,
  where: string,
  allowed: readonly string[],
  elsewhere: readonly string[],
): Diagnostic => {
  const [belongs] = nearestWord(key, allowed) === undefined ? elsewhere : []
  const more = belongs === undefined ? wayOut(key, allowed) : { hint: `It belongs to ${belongs}.` }
  return fault('unknown-key', place, `unknown key "${key}" in ${owner(where)}.`, more)
}
export const missingKey = (place: Place, key: string, where: string, expected: string): Diagnostic =>
  fault('missing-key', place, `${owner(where)} lacks the key "${key}"`, { expected })
export const kindMissing = (place: Place, where: string, kinds: readonly string[]): Diagnostic =>
  fault('kind-missing', place, `${owner(where)} does not say what it is`, { expected: `exactly one of ${kinds.join(', ')}` })
export const kindNeedsOptions = (place: Place, where: string, kind: string, expected: string): Diagnostic =>
  fault('kind-needs-options', place, `${where}: "${kind}" cannot stand alone`, { expected: `${kind}: ${expected}` })
export const kindTwice = (place: Place, where: string, kinds: readonly string[]): Diagnostic =>
  fault('kind-twice', place, `${owner(where)} is ${kinds.length} things at once`, {
    expected: 'exactly one of them',
    received: kinds.join(', '),
    ...(/\.\d+$/u.test(where) ? { hint: 'Does the second want a dash of its own?' } : {}),
  })
export const wrongType = (place: Place, where: string, expected: string, received: unknown): Diagnostic =>
  fault('wrong-type', place, `${owner(where)} has the wrong type`, {
    expected,
    received: describeValue(received),
    ...typeHint(received, expected),
  })
export const outOfRange = (place: Place, where: string, expected: string, received: unknown): Diagnostic =>
  fault('out-of-range', place, `${owner(where)} is out of range`, { expected, received: describeValue(received) })
export const unknownValue = (place: Place, where: string, words: readonly string[], expected: string, received: unknown): Diagnostic => {
  const near = typeof received === 'string' ? nearestWord(received, words) : undefined
  const more = near === undefined ? { expected, ...typeHint(received, expected) } : { hint: `Did you mean "${near}"?` }
  return fault('unknown-value', place, `unknown value ${quote(received)} for ${where}`, more)
}
export const unknownVersion = (place: Place, received: unknown): Diagnostic =>
  fault('unknown-version', place, 'this runner does not know that version of the experiment format', {
    expected: '1',
    received: quote(received),
    hint: 'Use the runner that the file was written for.',
  })
export const selectOnTest = (place: Place, where: string, metrics: readonly string[]): Diagnostic =>
  fault('select-on-test', place, `${where} would choose on the test images, whose score would then mean nothing`, {
    expected: `one of ${metrics.join(', ')}`,
  })
export const wrongForm = (place: Place, where: string, expected: string, received: unknown): Diagnostic =>
  fault('wrong-form', place, `${where} has the wrong form`, { expected, received: describeValue(received) })
export const wrongLength = (place: Place, where: string, expected: string, received: unknown): Diagnostic =>
  fault('wrong-length', place, `${where} has the wrong length`, { expected, received: describeValue(received) })
export const listedTwice = (place: Place, where: string): Diagnostic => fault('listed-twice', place, `${where} lists the same value twice`)

/** What a YAML author meant by a value of another type than wished. */
function typeHint(received: unknown, expected: string): { readonly hint?: string } {
  if (received === null) return { hint: 'Write a value, or leave the key out.' }
  if (typeof received === 'number' || typeof received === 'boolean') return expected.startsWith('a text') ? { hint: 'Quote it.' } : {}
  if (typeof received !== 'string') return {}
  if (expected.includes('true or false') && /^(y|yes|n|no|on|off)$/iu.test(received)) {
    return { hint: `YAML 1.2 reads ${received} as a text; write ${/^(y|yes|on)$/iu.test(received) ? 'true' : 'false'}.` }
  }
  const isNumber = expected.includes('number') && received.trim() !== '' && Number.isFinite(Number(received))
  return isNumber ? { hint: 'It is a text because of its quotes; remove them.' } : {}
}

// Edits of the stack

export const editMatchesNothing = (place: Place, name: string, present: readonly string[]): Diagnostic =>
  fault('edit-matches-nothing', place, `no layer of the stack is "${name}" here`, wayOut(name, present))
export const moveWithoutTo = (place: Place): Diagnostic =>
  fault('move-without-to', place, 'a move has to say where', { hint: 'Add to: beforePooling, or to: afterPooling.' })
export const nothingToMove = (place: Place, name: string, to: string): Diagnostic =>
  fault('edit-matches-nothing', place, `no "${name}" stands directly ${to === 'beforePooling' ? 'behind' : 'before'} a pooling`, {
    hint: 'Look at the stack with: runner plan FILE',
  })

/** A fault that a rule beyond the schema finds. */
export const ruleFault = fault
export { quote, wayOut }
