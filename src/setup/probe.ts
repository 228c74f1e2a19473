/** A process of its own: loads TensorFlow as the engine does and says, as one line of JSON, what it found. A crash here harms nobody. */
import './node-compat.ts'
import { createRequire } from 'node:module'

interface Tfjs {
  backend(): { readonly binding: { readonly TF_Version: string }; readonly isUsingGpuDevice: boolean }
}

const tfjs = createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu') as Tfjs
const { binding, isUsingGpuDevice } = tfjs.backend()
process.stdout.write(`${JSON.stringify({ version: binding.TF_Version, usesGpu: isUsingGpuDevice })}\n`)
