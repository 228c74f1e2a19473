/** What must stand in the engine's environment before its process starts: TensorFlow, the C library and the loader read it only then. */
import { delimiter } from 'node:path'
import type { Pjrt } from './pjrt.ts'
import type { Tensorflow } from './tensorflow.ts'

export interface EngineEnvironmentOptions {
  /** The user's own; what stands in it wins, except where a value of the experiment file is meant. */
  readonly environment: NodeJS.ProcessEnv
  readonly tensorflow: Tensorflow
  /** What the engine trains on a card with; null or absent where there is none. */
  readonly pjrt?: Pjrt | null
  /** Why a card that is there is not used. */
  readonly withoutGpu?: string | undefined
  readonly device: 'auto' | 'cpu' | 'gpu'
  /** Undefined leaves TensorFlow one thread a core. */
  readonly threads?: number | undefined
}

/** The variable in which the engine finds `Pjrt` as JSON. */
export const pjrtVariable = 'RUNNER_PJRT'

export function engineEnvironment(options: EngineEnvironmentOptions): NodeJS.ProcessEnv {
  const { tensorflow, device, threads } = options
  const { [pjrtVariable]: _, RUNNER_WITHOUT_GPU: __, ...environment } = options.environment
  const pjrt = device === 'cpu' ? null : (options.pjrt ?? null)
  const inherited = environment['LD_LIBRARY_PATH']
  return {
    TF_CPP_MIN_LOG_LEVEL: '3',
    // Eager tensors and the graph's session share the card; neither may take it all.
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    // glibc would give big buffers back to the kernel after every step and ask for them again.
    MALLOC_MMAP_THRESHOLD_: '4294967296',
    MALLOC_TRIM_THRESHOLD_: '17179869184',
    // Operations of ours use every core: two at a time would wait for each other's memory.
    ...(tensorflow.build === 'cuda' && device !== 'cpu' ? {} : { TF_NUM_INTEROP_THREADS: '1' }),
    ...environment,
    LD_LIBRARY_PATH: [...tensorflow.libraryFolders, ...(inherited ? [inherited] : []), ...(pjrt?.libraryFolders ?? [])].join(delimiter),
    ...(pjrt ? { [pjrtVariable]: JSON.stringify(pjrt) } : {}),
    ...(options.withoutGpu === undefined ? {} : { RUNNER_WITHOUT_GPU: options.withoutGpu }),
    ...(device === 'cpu' ? { CUDA_VISIBLE_DEVICES: '-1' } : {}),
    ...(threads === undefined ? {} : { TF_NUM_INTRAOP_THREADS: String(threads) }),
  }
}
