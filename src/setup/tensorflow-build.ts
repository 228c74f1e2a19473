/**
 * Which build of TensorFlow this machine gets: the one for the CPU, which also traces what a card then trains through its plugin (pjrt.ts).
 * `RUNNER_TENSORFLOW=cuda` asks for TensorFlow's own way to a card instead.
 */
import type { Outcome } from '../diagnostics/diagnostic.ts'
import type { TensorflowBuild } from './places.ts'
import { unknownSetting } from './unknown-setting.ts'

const override = 'RUNNER_TENSORFLOW'

export function chooseTensorflowBuild(environment: NodeJS.ProcessEnv): Outcome<TensorflowBuild> {
  const wished = environment[override] ?? ''
  if (wished === '') return { value: 'cpu', diagnostics: [] }
  if (wished === 'cpu' || wished === 'cuda') return { value: wished, diagnostics: [] }
  const fault = { code: 'unknown-tensorflow-build', variable: override, names: 'build of TensorFlow', expected: 'cpu or cuda' }
  return { diagnostics: [unknownSetting({ ...fault, received: wished })] }
}
