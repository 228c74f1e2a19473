/** Where the set-up puts things: one place for every path. */
import { join, resolve } from 'node:path'

export type TensorflowBuild = 'cpu' | 'cuda'
export type PjrtBuild = 'cuda12' | 'cuda13'

export interface Places {
  readonly projectRoot: string
  /** Locks, stamps and what is not a Python environment; ignored by git. */
  readonly setup: string
  readonly virtualEnvironment: string
  /** The virtual environment's interpreter. */
  readonly python: string
  readonly mlflow: string
  readonly nodeApiHeaders: string
  /** tfjs-node-gpu's C++ sources, and where it looks for the compiled binding. */
  readonly bindingSources: string
  readonly bindingFolder: string
  /** The C++ sources of our own operations. */
  readonly nativeSources: string
  /** The C++ source of the addon between Node and PJRT, and the folder of the compiled one. */
  readonly pjrtSource: string
  readonly pjrtAddonFolder: string
  requirements(name: 'mlflow' | 'tensorflow-cpu' | 'tensorflow-cuda' | 'pjrt-cuda12' | 'pjrt-cuda13'): string
  /** The wheel's contents: `tensorflow/`, and for the CUDA build `nvidia/`. */
  tensorflow(build: TensorflowBuild): string
  /** The plugin's wheel and the libraries beside it: `jax_plugins/`, `nvidia/`. */
  pjrt(build: PjrtBuild): string
  /** What was compiled for a device. */
  readonly programs: string
  stamp(name: string): string
}

export function placesOf(folder: string): Places {
  // Stamps hold it: the same folder must not have two spellings.
  const projectRoot = resolve(folder)
  const setup = join(projectRoot, '.setup')
  const virtualEnvironment = join(projectRoot, '.venv')
  const tfjsNode = join(projectRoot, 'node_modules/@tensorflow/tfjs-node-gpu')
  return {
    projectRoot,
    setup,
    virtualEnvironment,
    python: join(virtualEnvironment, 'bin/python3'),
    mlflow: join(virtualEnvironment, 'bin/mlflow'),
    nodeApiHeaders: join(projectRoot, 'node_modules/node-api-headers/include'),
    bindingSources: join(tfjsNode, 'binding'),
    bindingFolder: join(tfjsNode, 'lib/napi-v8'),
    nativeSources: join(projectRoot, 'native'),
    pjrtSource: join(projectRoot, 'native/pjrt.cc'),
    pjrtAddonFolder: join(setup, 'pjrt'),
    requirements: (name) => join(projectRoot, 'requirements', `${name}.txt`),
    tensorflow: (build) => join(setup, `tensorflow-${build}`),
    pjrt: (build) => join(setup, `pjrt-${build}`),
    programs: join(setup, 'programs'),
    stamp: (name) => join(setup, `${name}.json`),
  }
}
