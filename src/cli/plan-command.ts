/** `runner plan FILE`: the network as soon as it is known, the rest when the images are. */
import type { Network } from '../network/plan.ts'
import { renderPlan } from '../network/render-plan.ts'
import { writeGraph } from '../run/graph.ts'
import { planExperiment, renderTrainingPlan } from '../run/plan.ts'
import { planRecord } from '../run/plan-record.ts'
import { renderSweepPlan } from '../run/sweep-plan.ts'
import type { Preparation } from '../run/prepare.ts'
import { caveats } from './caveats.ts'
import type { Terminal } from './terminal.ts'

export interface PlanOptions {
  readonly set: readonly string[]
  readonly format: 'pretty' | 'json'
  /** Where the compiled graphs are written. */
  readonly graph?: string
}

/** Throws `Fault` where the file or its images are at fault; what can be known is printed before. */
export async function showPlan(
  file: string,
  { set, format, graph }: PlanOptions,
  preparation: Preparation,
  terminal: Terminal,
): Promise<void> {
  const isJson = format === 'json'
  const onNetwork = (network: Network): void => {
    if (!isJson) terminal.out(`${renderPlan(network)}\n`)
  }
  const { fault, ...plan } = await planExperiment({ file, set, onNetwork, ...preparation })
  if (isJson) terminal.out(JSON.stringify(planRecord(plan), null, 2))
  else {
    const warnings = plan.dataset ? caveats(plan.experiment, plan.dataset, terminal.outColor) : []
    terminal.out([...warnings, renderTrainingPlan(plan)].join('\n'))
    if (plan.sweep) terminal.out(`\n${renderSweepPlan(plan.sweep)}`)
  }
  if (graph !== undefined) {
    await writeGraph(plan, graph, preparation)
    terminal.say(`the graphs of the steps are in ${graph}`)
  }
  if (fault) throw fault
}
