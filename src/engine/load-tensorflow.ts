/** TensorFlow for tfjs, loaded when it is first wanted: an engine that finds all programs compiled never is. */
import { createRequire } from 'node:module'

export async function loadTensorflow(): Promise<void> {
  await import('../setup/node-compat.ts')
  // The package is CommonJS and registers its backend and kernels when it is required.
  createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu')
}
