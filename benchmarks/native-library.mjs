/** Our TensorFlow operations as a library of their own, for a Python that traces our graphs. */
import { join } from 'node:path'
import { dist, projectRoot } from './training.mjs'

const { runProgram } = await dist('setup/child-process.js')
const { compileNative } = await dist('setup/native.js')
const { placesOf } = await dist('setup/places.js')
const { findCompiler } = await dist('setup/tools.js')

/** Compiles and links it in that folder; its path. */
export async function nativeLibrary(folder) {
  const { env: environment } = process
  const places = placesOf(projectRoot)
  const { value: compiler } = findCompiler(environment)
  const tensorflow = join(places.tensorflow('cpu'), 'tensorflow')
  const objects = await compileNative(places, { compiler, include: join(tensorflow, 'include'), into: folder, environment })
  if ('exitCode' in objects) throw new Error(objects.output)
  const library = join(folder, 'operations.so')
  const args = ['-shared', '-pthread', ...objects, `-L${tensorflow}`, '-l:libtensorflow_framework.so.2', '-o', library]
  const linked = await runProgram(compiler, args, { environment })
  if (linked.exitCode !== 0) throw new Error(linked.output)
  return library
}
