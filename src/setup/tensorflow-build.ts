/** Which TensorFlow this machine gets: the CUDA build where an NVIDIA GPU answers, else the CPU build; `RUNNER_TENSORFLOW` overrules. */
import type { Outcome } from '../diagnostics/diagnostic.ts'
import { runProgram } from './child-process.ts'
import type { TensorflowBuild } from './places.ts'
import { findOnPath } from './tools.ts'
import { unknownSetting } from './unknown-setting.ts'

const override = 'RUNNER_TENSORFLOW'

/** `isInstalled` saves asking the GPU again: a CUDA build that is there runs on the CPU as well. */
export async function chooseTensorflowBuild(
  environment: NodeJS.ProcessEnv,
  isInstalled: (build: TensorflowBuild) => boolean,
): Promise<Outcome<TensorflowBuild>> {
  const wished = environment[override] ?? ''
  if (wished === 'cpu' || wished === 'cuda') return { value: wished, diagnostics: [] }
  if (wished !== '') {
    const fault = { code: 'unknown-tensorflow-build', variable: override, names: 'build of TensorFlow', expected: 'cpu or cuda' }
    return { diagnostics: [unknownSetting({ ...fault, received: wished })] }
  }
  if (findOnPath('nvidia-smi', environment) === undefined) return { value: 'cpu', diagnostics: [] }
  if (isInstalled('cuda')) return { value: 'cuda', diagnostics: [] }
  const gpus = await listNvidiaGpus(environment)
  return { value: gpus.length > 0 ? 'cuda' : 'cpu', diagnostics: [] }
}

/** The GPUs that answer, in nvidia-smi's words: `NVIDIA H100 80GB HBM3`. Empty where there is no driver. */
export async function listNvidiaGpus(environment: NodeJS.ProcessEnv): Promise<string[]> {
  const program = findOnPath('nvidia-smi', environment)
  if (program === undefined) return []
  const { exitCode, output } = await runProgram(program, ['-L'], { environment, timeoutMs: 20_000 })
  if (exitCode !== 0) return []
  return [...output.matchAll(/^GPU \d+: (.*?)(?: \(UUID.*)?$/gm)].map((match) => match[1] ?? '')
}
