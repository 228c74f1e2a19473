/** Before any test: dist/ is built, TensorFlow and MLflow are there. The same code as a user's first run; quick when nothing is missing. */
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { Fault, type Outcome } from '../../src/diagnostics/diagnostic.ts'
import { ensureMlflow } from '../../src/setup/mlflow.ts'
import type { SetupOptions, SetupProgress } from '../../src/setup/setup-options.ts'
import { ensureTensorflow } from '../../src/setup/tensorflow.ts'

const projectRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

export async function setup(): Promise<void> {
  await execa('node', ['bootstrap/build-only.mjs'], { cwd: projectRoot, stdout: 'inherit', stderr: 'inherit' })
  const options: SetupOptions = { projectRoot, environment: process.env, report: say }
  const outcomes: Outcome<unknown>[] = await Promise.all([ensureTensorflow(options), ensureMlflow(options)])
  const faults = outcomes.flatMap((outcome) => outcome.diagnostics)
  if (faults.length > 0) throw new Fault(faults, 3)
}

function say({ part, state, text }: SetupProgress): void {
  if (state !== 'working') process.stderr.write(`set-up, ${part}: ${text}${state === 'done' ? ': done' : ' …'}\n`)
}
