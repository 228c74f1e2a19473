/** Traced steps as programs of a device. Tracing needs TensorFlow; what comes of it needs none. */
import { graphsOf } from '../graph/graph-program.ts'
import type { ProgramSource, StepFunction } from '../graph/step-function.ts'
import type { Precision } from '../xla/builder.ts'
import { callName, type LoweredProgram } from '../xla/device-program.ts'
import { lowerStep, type LoweredStep, type StepInterface } from '../xla/lower-step.ts'

export interface LowerOptions {
  readonly precision: Precision
  /** Steps in one call, of repeatable steps at their first batch size. */
  readonly stepsPerCall: number
}

/** Throws `TraceError` or `LoweringError`. */
export function lowerProgram(source: ProgramSource, { precision, stepsPerCall }: LowerOptions): LoweredProgram {
  const variables = [...source.variables].map(([name, { shape }]) => ({ name, shape: [...shape] }))
  const steps: Record<string, LoweredStep> = {}
  for (const step of source.steps) {
    for (const [batch, graph] of graphsOf(source, step)) {
      const own = interfaceOf(step, batch, variables, source.table)
      steps[callName(step.name, batch)] = lowerStep(graph, own, { precision, repeats: 1 })
      if (step.isRepeatable && stepsPerCall > 1 && batch === step.batchSizes[0])
        steps[callName(step.name, batch, stepsPerCall)] = lowerStep(graph, own, { precision, repeats: stepsPerCall })
    }
  }
  return { variables, table: source.table, steps, stepsPerCall }
}

function interfaceOf(
  step: StepFunction,
  batch: number,
  variables: StepInterface['variables'],
  table: StepInterface['table'],
): StepInterface {
  const feeds = step.arguments.map(({ name, dtype, shape }) => {
    const isOfImages = shape(batch).join() !== shape(batch + 1).join()
    return { name, dtype, shape: shape(batch), isOfImages }
  })
  return { prefix: callName(step.name, batch), batch, feeds, variables, table }
}
