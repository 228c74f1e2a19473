/** Our TensorFlow operations as a library of their own, for a Python that traces our graphs. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { dist, projectRoot } from './training.mjs'

const { compileNative } = await dist('setup/native.js')
const { placesOf } = await dist('setup/places.js')
const exec = promisify(execFile)

/** Compiles and links it in that folder; its path. */
export async function nativeLibrary(folder) {
  const where = placesOf(projectRoot)
  const compiler = process.env.CXX ?? 'g++'
  const tensorflow = join(where.tensorflow('cpu'), 'tensorflow')
  const objects = await compileNative(where, { compiler, include: join(tensorflow, 'include'), into: folder, environment: process.env })
  if ('exitCode' in objects) throw new Error(objects.output)
  const library = join(folder, 'operations.so')
  await exec(compiler, ['-shared', '-pthread', ...objects, `-L${tensorflow}`, '-l:libtensorflow_framework.so.2', '-o', library])
  return library
}
