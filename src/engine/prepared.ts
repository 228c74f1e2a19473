/** A training job made ready to run: its variables, its compiled program, the way of its pixels. */
import { eagerProgram } from '../graph/eager-program.ts'
import { compileProgram } from '../graph/graph-program.ts'
import type { Program } from '../graph/step-function.ts'
import { graphJobOf, graphSource } from './graph-source.ts'
import { fillTable, openImageFeed, type ImageFeed } from './images.ts'
import { disposeModel, firstValues, type Model } from './model.ts'
import type { GraphJob, TrainingJob, WeightsName } from './protocol.ts'

export interface Prepared extends Compiled {
  readonly job: TrainingJob
  /** Probabilities of the validation images, of those weights whose epoch was trained here: they need not be asked again. */
  readonly validation: Map<WeightsName, Float32Array>
}

interface Compiled {
  /** Of everything that it was made from. */
  readonly key: string
  readonly model: Model
  readonly program: Program
  readonly images: ImageFeed
}

/** On the graphs of the training before where they are the same, with the same images; else that one is disposed of. */
export async function prepare(job: TrainingJob, before: Prepared | null = null): Promise<Prepared> {
  const graph = graphJobOf(job)
  const key = JSON.stringify({ graph, pack: job.pack, execution: job.execution })
  const known = before?.key === key ? before : null
  if (before && !known) await dispose(before)
  const { model, program, images } = known ?? (await compile(graph, job, key))
  program.assign(firstValues(job.network, model.rule, job.seed))
  return { job, key, model, program, images, validation: new Map() }
}

async function compile(graph: GraphJob, { pack, execution }: TrainingJob, key: string): Promise<Compiled> {
  const { model, source } = graphSource(graph)
  const program = (execution === 'graph' ? compileProgram : eagerProgram)(source)
  if (source.table) await fillTable(pack, program)
  return { key, model, program, images: await openImageFeed(pack, source.table ? 'table' : 'feed') }
}

export async function dispose(prepared: Prepared): Promise<void> {
  prepared.program.dispose()
  disposeModel(prepared.model)
  await prepared.images.close()
}
