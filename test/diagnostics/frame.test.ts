import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { Diagnostic } from '../../src/diagnostics/diagnostic.ts'
import { renderDiagnostics } from '../../src/diagnostics/frame.ts'
import { diagnosticRecords } from '../../src/diagnostics/json.ts'
import { nearestWord } from '../../src/diagnostics/nearest.ts'

const lines = Array.from({ length: 16 }, (_, index) => `# ${index + 1}`)
const text = [...lines, '  zoom: 0.05', '  shift: { width: 0.1, height: 0.1 }', '  sheer: 0.05', 'loss: x'].join('\n')
const file = 'experiments/baseline.yaml'
const sources = new Map([[file, text]])
const sheer: Diagnostic = {
  code: 'unknown-key',
  severity: 'error',
  message: 'unknown key "sheer" in augmentation.',
  place: { file, offset: text.indexOf('sheer'), length: 5 },
  hint: 'Did you mean "shear"?',
}
const plain = { color: false }

test('a fault is shown in the frame that the design promises', () => {
  expect(renderDiagnostics([sheer], sources, plain)).toBe(`experiments/baseline.yaml:19:3  error  unknown-key
  17 │   zoom: 0.05
  18 │   shift: { width: 0.1, height: 0.1 }
  19 │   sheer: 0.05
     │   ^^^^^ unknown key "sheer" in augmentation. Did you mean "shear"?`)
})

test('what was expected and received stands between the sentence and the way out', () => {
  const fault: Diagnostic = {
    code: 'wrong-type',
    severity: 'error',
    message: 'seed has the wrong type',
    expected: 'a number',
    received: '"7"',
    hint: 'Go.',
  }
  expect(renderDiagnostics([fault], sources, plain)).toBe(
    'error  wrong-type\n  seed has the wrong type: expected a number, received "7". Go.',
  )
})

test('faults come sorted by place, an empty line between two', () => {
  const loss: Diagnostic = { ...sheer, code: 'unknown-value', place: { file, offset: text.indexOf('loss'), length: 4 } }
  const headers = renderDiagnostics([loss, sheer], sources, plain)
    .split('\n\n')
    .map((frame) => frame.split('\n')[0])
  expect(headers).toEqual([`${file}:19:3  error  unknown-key`, `${file}:20:1  error  unknown-value`])
})

test('a stretch of several lines is underlined to the end of its first', () => {
  const place = { file, offset: text.indexOf('sheer'), length: 17 }
  expect(renderDiagnostics([{ ...sheer, place }], sources, plain)).toContain('\n     │   ^^^^^^^^^^^ unknown key')
})

test('carets stay under their word behind tabs and carriage returns', () => {
  const windows = new Map([['a.yaml', 'a:\r\n\tsheer: 1\r\n']])
  expect(renderDiagnostics([{ ...sheer, place: { file: 'a.yaml', offset: 5, length: 5 } }], windows, plain)).toBe(
    `a.yaml:2:2  error  unknown-key
   1 │ a:
   2 │  sheer: 1
     │  ^^^^^ unknown key "sheer" in augmentation. Did you mean "shear"?`,
  )
})

test('of a line as long as a file the columns around the place are shown, the carets under them', () => {
  const long = `name: a\nx: [${'1, '.repeat(200)}sheer, ${'2, '.repeat(200)}3]`
  const place = { file: 'a.yaml', offset: long.indexOf('sheer'), length: 5 }
  const [, , line = '', carets = ''] = renderDiagnostics([{ ...sheer, place }], new Map([['a.yaml', long]]), plain).split('\n')
  expect(line.length).toBeLessThan(180)
  expect(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1)).toBe('sheer')
})

test('colours wrap the words and change none', () => {
  const coloured = renderDiagnostics([sheer], sources, { color: true })
  expect(coloured).toContain('\u001b[31m')
  expect(stripVTControlCharacters(coloured)).toBe(renderDiagnostics([sheer], sources, plain))
})

test('programs get lines and columns, start and end', () => {
  const [record] = diagnosticRecords([sheer], sources)
  expect(record).toMatchObject({ code: 'unknown-key', file, start: { line: 19, column: 3 }, end: { line: 19, column: 8 } })
  expect(record).not.toHaveProperty('place')
})

test.each([
  ['sheer', 'shear'],
  ['adma', 'adam'],
  ['learning_rate', 'learningRate'],
  ['epoch', 'epochs'],
  ['malign', 'malignant'],
  ['banana', undefined],
  ['', undefined],
])('%s is taken for %s', (received, meant) => {
  expect(nearestWord(received, ['shear', 'zoom', 'adam', 'learningRate', 'epochs', 'malignant', 'root'])).toBe(meant)
})
