/** Runs the same steps operation by operation: the reference that the graph is compared with, and the road for other backends. */
import * as tf from '@tensorflow/tfjs-core'
import { releaseGradients } from '../kernels/kept.ts'
import { isTensorFlow, uint8Tensor } from '../kernels/tensorflow.ts'
import type { Argument, Feed, Feeds, Fetched, Program, ProgramSource } from './step-function.ts'

export function eagerProgram(source: ProgramSource): Program {
  const { table, variables } = source
  const rowSize = table ? table.shape.slice(1).reduce((a, b) => a * b, 1) : 0
  const bytes = table ? new Uint8Array((table.shape[0] ?? 0) * rowSize) : null
  let resident: tf.Tensor | null = null

  const upload = (argument: Pick<Argument, 'dtype'>, values: Feed, shape: readonly number[]): tf.Tensor => {
    if (argument.dtype === 'uint8' && isTensorFlow()) return uint8Tensor(values as Uint8Array, shape)
    return tf.tensor(values, [...shape], argument.dtype === 'uint8' ? 'int32' : argument.dtype)
  }

  const run = (name: string, batch: number, feeds: Feeds): Record<string, Fetched> => {
    const step = source.steps.find((candidate) => candidate.name === name)
    if (!step) throw new Error(`Internal error: no step ${name}`)
    if (table && bytes) resident ??= tf.keep(upload(table, bytes, table.shape))
    const fetched: Record<string, Fetched> = {}
    tf.tidy(() => {
      const inputs: Record<string, tf.Tensor> = table && resident ? { [table.name]: resident } : {}
      for (const argument of step.arguments)
        inputs[argument.name] = upload(argument, feeds[argument.name] ?? new Float32Array(), argument.shape(batch))
      for (const [output, tensor] of Object.entries(step.body(inputs))) fetched[output] = tensor.dataSync()
    })
    releaseGradients()
    return fetched
  }

  return {
    stepsPerCall: 1,
    run: (name, batch, feeds) => settled(() => run(name, batch, feeds)),
    runEach: (name, batch, feeds) => settled(() => feeds.forEach((one) => run(name, batch, one))),
    read: () => settled(() => new Map([...variables].map(([name, variable]) => [name, variable.dataSync<'float32'>().slice()]))),
    assign(values) {
      for (const [name, value] of values) {
        const variable = variables.get(name)
        if (variable) tf.tidy(() => variable.assign(tf.tensor(value.slice(), variable.shape)))
      }
    },
    fillTable(first, rows) {
      bytes?.set(rows, first * rowSize)
    },
    countTensors: () => tf.memory().numTensors,
    dispose() {
      resident?.dispose()
      resident = null
    },
  }
}

/** The outcome of what blocks: a throw rejects. */
export function settled<T>(body: () => T): Promise<T> {
  return new Promise((resolve) => resolve(body()))
}
