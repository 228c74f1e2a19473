/** The graphs of a training as text: what is traced and run, without images and without a session. */
import { handleNames, dotGraph, listGraph } from '../graph/list-graph.ts'
import { graphsOf } from '../graph/graph-program.ts'
import { graphSource } from './graph-source.ts'
import { disposeModel } from './model.ts'
import type { GraphForm, GraphJob } from './protocol.ts'

/** The training step, then the step that evaluates, each at its batch sizes. */
export function describeGraph(job: GraphJob, form: GraphForm): string {
  const { model, source } = graphSource(job)
  const [mark, write] = form === 'dot' ? (['//', dotGraph] as const) : (['#', listGraph] as const)
  try {
    return source.steps
      .filter(({ name }) => name !== 'metrics')
      .flatMap((step) =>
        [...graphsOf(source, step)].map(([batch, graph]) => `${mark} ${step.name}, ${batch} images\n${write(graph, handleNames(source))}`),
      )
      .join('\n')
  } finally {
    disposeModel(model)
  }
}
