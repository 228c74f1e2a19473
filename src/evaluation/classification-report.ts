/** scikit-learn's classification report, to the character. */
import { accuracy, f1, precision, recall, supports, type ConfusionMatrix } from '../statistics/confusion.ts'

export interface ClassScores {
  readonly precision: number
  readonly recall: number
  readonly f1: number
  readonly support: number
}

export interface ClassificationReport {
  readonly classes: Readonly<Record<string, ClassScores>>
  readonly accuracy: number
  readonly macro: ClassScores
  readonly weighted: ClassScores
}

/** What is undefined counts as 0, as in scikit-learn's default. */
export function classificationReport(matrix: ConfusionMatrix, names: readonly string[]): ClassificationReport {
  const orZero = (value: number): number => (Number.isNaN(value) ? 0 : value)
  const support = supports(matrix)
  const scores = names.map((_, index) => ({
    precision: orZero(precision(matrix, index)),
    recall: orZero(recall(matrix, index)),
    f1: orZero(f1(matrix, index)),
    support: support[index] ?? 0,
  }))
  const total = support.reduce((a, b) => a + b, 0)
  const mean = (weight: (score: ClassScores) => number): ClassScores => {
    const of = (key: 'precision' | 'recall' | 'f1'): number => scores.reduce((sum, score) => sum + score[key] * weight(score), 0)
    return { precision: of('precision'), recall: of('recall'), f1: of('f1'), support: total }
  }
  return {
    classes: Object.fromEntries(names.map((name, index) => [name, scores[index] ?? mean(() => 0)])),
    accuracy: accuracy(matrix),
    macro: mean(() => 1 / names.length),
    weighted: mean(({ support: own }) => own / total),
  }
}

export function renderClassificationReport(report: ClassificationReport): string {
  const names = Object.keys(report.classes)
  const width = Math.max('weighted avg'.length, ...names.map((name) => name.length))
  const cell = (text: string): string => text.padStart(9)
  const line = (name: string, { precision: p, recall: r, f1: f, support }: ClassScores): string =>
    `${name.padStart(width)} ${[p, r, f].map((value) => ` ${cell(twoDigits(value))}`).join('')} ${cell(String(support)).padStart(9)}`
  const blank = ` ${cell('')}`
  return [
    `${' '.repeat(width)} ${['precision', 'recall', 'f1-score', 'support'].map((head) => ` ${cell(head)}`).join('')}`,
    '',
    ...Object.entries(report.classes).map(([name, scores]) => line(name, scores)),
    '',
    `${'accuracy'.padStart(width)} ${blank}${blank} ${cell(twoDigits(report.accuracy))} ${cell(String(report.macro.support)).padStart(9)}`,
    line('macro avg', report.macro),
    line('weighted avg', report.weighted),
    '',
  ].join('\n')
}

/** Python rounds ties to even, JavaScript up; of two-digit ties only odd eighths are exact: 0.625 is 0.62 there and 0.63 here. */
function twoDigits(value: number): string {
  const hundredths = value * 100
  const isTie = Number.isInteger(value * 8) && !Number.isInteger(value * 4)
  const below = Math.floor(hundredths)
  return isTie ? ((below % 2 === 0 ? below : below + 1) / 100).toFixed(2) : value.toFixed(2)
}
