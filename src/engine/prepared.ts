/** A training job made ready to run: its compiled program, the way of its pixels. */
import { cp } from 'node:fs/promises'
import type { Program } from '../graph/step-function.ts'
import { updateRule, type UpdateRule } from '../layers/optimizers.ts'
import { graphJobOf } from './graph-job.ts'
import { fillTable, openImageFeed, type ImageFeed } from './images.ts'
import { firstValues } from './first-values.ts'
import type { Programs } from './programs.ts'
import type { GraphJob, TrainingJob, WeightsName } from './protocol.ts'

export interface Prepared extends Compiled {
  readonly job: TrainingJob
  readonly rule: UpdateRule
  /** Probabilities of the validation images, of those weights whose epoch was trained here: they need not be asked again. */
  readonly validation: Map<WeightsName, Float32Array>
}

interface Compiled {
  /** Of everything that it was made from. */
  readonly key: string
  readonly program: Program
  /** Folder of the training that compiled it. */
  readonly executables: string
  readonly images: ImageFeed
}

/**
 * On the program of the training before where it is the same, with the same images; else that one is disposed of. `onCompiled` is called
 * where something had to be compiled that no run had left.
 */
export async function prepare(
  job: TrainingJob,
  programs: Programs,
  before: Prepared | null = null,
  onCompiled: () => void = () => undefined,
): Promise<Prepared> {
  const graph = graphJobOf({ ...job, imageBudget: programs.imageBudget(job.imageBudget) })
  const { pack, execution, precision } = job
  const key = JSON.stringify({ graph, pack, execution, precision })
  const known = before?.key === key ? before : null
  if (before && !known) await dispose(before)
  if (known) await inherit(known.executables, job.executables)
  const { program, images, executables } = known ?? (await compile(graph, job, programs, { key, onCompiled }))
  const rule = updateRule(job.optimizer)
  program.assign(firstValues(job.network, rule, job.seed))
  return { job, key, rule, program, images, executables, validation: new Map() }
}

async function compile(
  graph: GraphJob,
  { pack, execution, precision, executables }: TrainingJob,
  programs: Programs,
  { key, onCompiled }: { readonly key: string; readonly onCompiled: () => void },
): Promise<Compiled> {
  const program = await programs.training(graph, { execution, precision, executables, onCompiled })
  if (graph.isResident) await fillTable(pack, program)
  return { key, program, executables, images: await openImageFeed(pack, graph.isResident ? 'table' : 'feed') }
}

/** What one training was compiled to belongs to the next one on it too. Where it cannot be copied, that one compiles when it is resumed. */
async function inherit(from: string, to: string): Promise<void> {
  if (from !== to) await cp(from, to, { recursive: true }).catch(() => undefined)
}

export async function dispose(prepared: Prepared): Promise<void> {
  prepared.program.dispose()
  await prepared.images.close()
}
