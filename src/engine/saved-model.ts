/** The selected weights as TensorFlow's SavedModel: one signature, uint8 pixels to probabilities, that needs no Keras and no variables. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { freezeStep } from '../graph/freeze.ts'
import { anyBatch } from '../graph/extrapolate.ts'
import { encodeSavedModel } from '../graph/saved-model.ts'
import type { Network } from '../network/plan.ts'
import { readCheckpoint } from './checkpoint.ts'
import type { SavedModelJob } from './protocol.ts'
import { serveStep } from './steps.ts'

/** Writes `<folder>/saved_model.pb`. */
export async function writeSavedModel({ network, checkpoints, folder }: SavedModelJob): Promise<void> {
  const variables = await selectedVariables(network, checkpoints)
  const step = serveStep(network, variables)
  const { nodes, outputs } = freezeStep({ variables, table: null, steps: [step] }, step)
  tf.dispose([...variables.values()])
  const signature = {
    inputs: { images: { node: `${step.name}/pixels`, dtype: 'uint8', shape: [anyBatch, ...network.inputShape] } },
    outputs: { probabilities: { node: outputs['probabilities'] ?? '', dtype: 'float32', shape: [anyBatch, network.classes] } },
  } as const
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'saved_model.pb'), encodeSavedModel(nodes, { serving_default: signature }))
}

/** The weights of the selected epoch, by name; whoever asks disposes of them. */
async function selectedVariables(network: Network, checkpoints: string): Promise<ReadonlyMap<string, tf.Variable>> {
  const { tensors } = await readCheckpoint(checkpoints, 'best')
  return new Map(
    network.parameters.map(({ name, shape }) => [name, tf.variable(tf.tensor(tensors.get(name) ?? new Float32Array(), [...shape]), false)]),
  )
}
