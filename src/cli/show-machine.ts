/** What `runner doctor` prints. */
import type { MachineFinding } from '../setup/doctor.ts'
import { paint } from './terminal.ts'

export function renderMachine(findings: readonly MachineFinding[], color: boolean): string {
  const mark = (state: MachineFinding['state']): string => {
    const word = state.padEnd(9)
    return state === 'ok' ? paint(word, 'green', color) : state === 'missing' ? paint(word, 'red', color) : word
  }
  const width = Math.max(...findings.map(({ part }) => part.length)) + 2
  return findings
    .flatMap(({ part, state, found, wayOut }) => [
      `${mark(state)}${part.padEnd(width)}${found}`,
      ...(wayOut === undefined ? [] : [`${' '.repeat(9 + width)}${wayOut}`]),
    ])
    .join('\n')
}
