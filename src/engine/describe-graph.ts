/** The graphs of a training as text: what is traced and run, without images and without a session. */
import { handleNames, dotGraph, listGraph } from '../graph/list-graph.ts'
import { graphsOf } from '../graph/graph-program.ts'
import type { ProgramSource } from '../graph/step-function.ts'
import { createModel, disposeModel } from './model.ts'
import type { GraphForm, GraphJob } from './protocol.ts'
import { imageTable, predictStep, trainStep } from './steps.ts'

/** The training step, then the step that evaluates, each at its batch size. */
export function describeGraph(
  { network, optimizer, loss, augmentation, classWeights, batchSize, ...job }: GraphJob,
  form: GraphForm,
): string {
  const model = createModel(network, optimizer, 0)
  const options = { model, source: job.isResident ? 'table' : 'feed', imageShape: network.inputShape } as const
  const steps = [
    trainStep({ ...options, batchSizes: [batchSize], loss, classWeights, fill: augmentation?.fill ?? null }),
    predictStep({ ...options, batchSizes: [job.evaluationBatchSize] }),
  ]
  const table = job.isResident ? { name: imageTable, dtype: 'uint8' as const, shape: [job.images, ...network.inputShape] } : null
  const source: ProgramSource = { variables: model.variables, table, steps }
  const [mark, write] = form === 'dot' ? (['//', dotGraph] as const) : (['#', listGraph] as const)
  try {
    return steps
      .flatMap((step) =>
        [...graphsOf(source, step)].map(([batch, graph]) => `${mark} ${step.name}, ${batch} images\n${write(graph, handleNames(source))}`),
      )
      .join('\n')
  } finally {
    disposeModel(model)
  }
}
