/** At the beginning and at the end of a run, loudly: what makes its numbers mean something else. */
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { Experiment } from '../experiment/experiment.ts'
import { paint } from './terminal.ts'

/** Blocks of two lines and an empty one; nothing where the numbers mean what they say. */
export function caveats({ dataset: { rootAsWritten } }: Experiment, { isSynthetic, leakage }: PreparedDataset, color: boolean): string[] {
  const block = (title: string, ...lines: readonly string[]): string[] => [
    `  ${paint(`!! ${title} !!`, 'alarm', color)}  ${lines[0] ?? ''}`,
    ...lines.slice(1).map((line) => `  ${' '.repeat(title.length + 8)}${line}`),
    '',
  ]
  const variable = /\$\{(\w+)/.exec(rootAsWritten)?.[1]
  const way = variable === undefined ? 'Set dataset.root to the folder of the real ones.' : `Real ones: ${variable}=FOLDER ./runner …`
  return [
    ...(isSynthetic
      ? block('SYNTHETIC DATA', 'Made-up patches stand in for the images:', 'these numbers say nothing about patients.', way)
      : []),
    ...(leakage === null
      ? []
      : block(
          'LEAKY SPLIT',
          'Images of one patient stand on both sides, and the score flatters.',
          `The reason that was given: ${leakage}`,
        )),
  ]
}
