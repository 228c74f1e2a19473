/** Programs as TensorFlow's graphs, or operation by operation. TensorFlow is loaded. */
import * as tf from '@tensorflow/tfjs-core'
import { eagerProgram } from '../graph/eager-program.ts'
import { compileProgram } from '../graph/graph-program.ts'
import type { Program, ProgramSource } from '../graph/step-function.ts'
import { graphSource, predictionSource } from './graph-source.ts'
import type { Programs } from './programs.ts'
import type { EngineFailure, Precision } from './protocol.ts'

export const tensorflowPrograms: Programs = {
  preparing: 'compiling the network into one TensorFlow graph',
  imageBudget: (wished) => wished,
  memory: () => null,
  training: (graph, { execution, precision }) =>
    inFloat32(() => owning(graphSource(graph).source, execution === 'graph' ? compileProgram : eagerProgram), precision),
  // What was trained less exactly may be asked more exactly.
  predicting: (graph) => Promise.resolve(owning(predictionSource(graph), compileProgram)),
}

/** A program that disposes of its source's variables with itself. */
function owning(source: ProgramSource, make: (source: ProgramSource) => Program): Program {
  const program = make(source)
  const dispose = program.dispose.bind(program)
  return Object.assign(program, {
    dispose: () => {
      dispose()
      tf.dispose([...source.variables.values()])
    },
  })
}

/** The experiment wants a precision that only a device computes in. */
class PrecisionError extends Error {
  readonly failure: EngineFailure
  constructor(precision: Precision) {
    super(`runtime.precision is ${precision}, and the CPU computes in float32 only`)
    this.name = 'PrecisionError'
    this.failure = { code: 'no-gpu', message: `${this.message}; set runtime.precision: float32, or train on a GPU` }
  }
}

function inFloat32(make: () => Program, precision: Precision): Promise<Program> {
  return new Promise((resolve) => {
    if (precision !== 'float32') throw new PrecisionError(precision)
    resolve(make())
  })
}
