/** `runner evaluate`: the numbers of one set of images at the run's operating point. */
import { renderClassificationReport } from '../evaluation/classification-report.ts'
import { describeRule } from '../evaluation/threshold.ts'
import { evaluateRunAgain } from '../run/evaluate.ts'
import type { Preparation } from '../run/prepare.ts'
import type { Terminal } from './terminal.ts'

export interface EvaluateOptions {
  readonly data?: string
  readonly format: 'pretty' | 'json'
}

export async function showEvaluation(
  run: string,
  { data, format }: EvaluateOptions,
  preparation: Preparation,
  terminal: Terminal,
): Promise<void> {
  const evaluated = await evaluateRunAgain(run, data ?? null, preparation)
  const { images, groups, isSynthetic, evaluation, testReadings } = evaluated
  if (format === 'json') {
    terminal.out(JSON.stringify(evaluated, null, 2))
    return
  }
  const numbers = Object.entries(evaluation.metrics).map(([name, value]) => {
    const interval = evaluation.intervals[name]
    return `  ${name.padEnd(20)}${value.toFixed(4)}${interval ? `   ${interval.low.toFixed(3)} to ${interval.high.toFixed(3)}` : ''}`
  })
  terminal.out(
    [
      `${images} images of ${groups} groups in ${data ?? 'the test split'}, by the selected weights of ${evaluated.run}`,
      ...(isSynthetic ? ['!! SYNTHETIC DATA !! these numbers say nothing about patients'] : []),
      evaluation.threshold === null
        ? 'the most probable class decides'
        : `threshold ${evaluation.threshold.toFixed(3)}, chosen ${describeRule(evaluated.rule)}`,
      '',
      `  ${'metric'.padEnd(20)}value    95 % over groups`,
      ...numbers,
      '',
      renderClassificationReport(evaluation.report).trimEnd(),
      ...(testReadings === null
        ? []
        : [
            '',
            `The test images have been read ${testReadings} times by now, by all runs together; each reading makes the next one worth less.`,
          ]),
    ].join('\n'),
  )
}
