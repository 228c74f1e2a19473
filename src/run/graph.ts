/** `runner plan FILE --graph OUT`: the compiled steps' operations, written where the user says. */
import { writeFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { systemCode } from '../dataset/system-error.ts'
import { Fault } from '../diagnostics/diagnostic.ts'
import { EngineError } from '../engine/engine.ts'
import { imageSource } from '../engine/images.ts'
import { classWeightValues } from '../network/class-weights.ts'
import type { WholePlan } from './plan.ts'
import { engineFault, startTensorflow, type Preparation } from './prepare.ts'

/**
 * A readable list, or DOT for Graphviz where the name ends in .dot. Needs TensorFlow, but no images: class weights and the number of
 * images are numbers in the graph, and ones stand for them where they are not known. Throws `Fault`.
 */
export async function writeGraph({ experiment, network, dataset }: WholePlan, file: string, preparation: Preparation): Promise<void> {
  const { optimizer, loss, augmentation, classWeights, training, evaluation, runtime } = experiment
  const engine = await startTensorflow(experiment, preparation)
  try {
    const text = await engine.describeGraph(
      {
        network,
        optimizer,
        loss,
        fill: augmentation?.fill ?? null,
        classWeights: dataset ? classWeightValues(classWeights, dataset.counts.train.classes) : experiment.dataset.classes.map(() => 1),
        batchSizes: [training.batchSize],
        evaluationBatchSize: evaluation.batchSize,
        images: dataset?.pack.rows ?? 1,
        isResident: dataset === null || imageSource(dataset.pack, runtime.imageBudget) === 'table',
      },
      extname(file) === '.dot' ? 'dot' : 'list',
    )
    await writeText(resolve(preparation.workspace.cwd, file), text)
  } catch (error) {
    throw error instanceof EngineError ? engineFault(error) : error
  } finally {
    await engine.stop()
  }
}

/** Throws `Fault` where the system does not let it. */
async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text)
  } catch (error) {
    const message = `${path} cannot be written: ${systemCode(error) ?? String(error)}`
    throw new Fault([{ code: 'file-unwritable', severity: 'error', message, hint: 'Name a file in a folder that is there and yours.' }], 2)
  }
}
