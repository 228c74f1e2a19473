/** `runner reproduce RUN`: the training as it goes on, then whether it came to the same bits. */
import { reproduceRun, type Outcome, type Reproduction } from '../run/reproduce.ts'
import type { Workspace } from '../run/workspace.ts'
import { counted, paint, type Terminal } from './terminal.ts'
import { tellTraining, type TrainOptions } from './train-command.ts'

/** Resolves with the exit code: 1 where the numbers are others. */
export async function showReproduction(
  run: string,
  options: Omit<TrainOptions, 'set'>,
  workspace: Workspace,
  terminal: Terminal,
): Promise<number> {
  const done: Reproduction[] = []
  const exitCode = await tellTraining({ ...options, set: [] }, workspace, terminal, async (listen, signal) => {
    const reproduction = await reproduceRun({ run, workspace, listen, signal })
    done.push(reproduction)
    return reproduction.summary
  })
  const [reproduction] = done
  if (!reproduction?.outcome) return exitCode
  const { original, outcome } = reproduction
  if (options.json === true) terminal.out(JSON.stringify({ type: 'reproduced', run: original.id, ...outcome }))
  else terminal.out(renderOutcome(original.id, outcome, terminal.outColor))
  return outcome.parting ? 1 : exitCode
}

function renderOutcome(run: string, { parting, points, weightsHash, circumstances }: Outcome, color: boolean): string {
  const verdict = parting
    ? [
        `  ${paint(`not the same as ${run}`, 'red', color)}: they part at ${parting.where}`,
        `    then  ${parting.before}`,
        `    now   ${parting.now}`,
        ...(circumstances.length > 0 ? [] : ['  Neither code nor machine explains it: please report this.']),
      ]
    : [
        `  ${paint(`identical to ${run}`, 'green', color)}: ${counted(points)} numbers and the weights, bit for bit (${weightsHash.slice(0, 12)}…)`,
      ]
  const notes = circumstances.map(({ message, expected, received }) => `  ${message}: ${expected} then, ${received} now`)
  return ['', ...verdict, ...notes, ''].join('\n')
}
