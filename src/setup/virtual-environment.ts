/** `.venv/`: the Python environment whose pip installs everything, and in which MLflow lives. */
import { realpathSync, rmSync } from 'node:fs'
import type { Outcome } from '../diagnostics/diagnostic.ts'
import { lastLines, runProgram } from './child-process.ts'
import { withLock } from './lock.ts'
import type { Places } from './places.ts'
import type { SetupOptions } from './setup-options.ts'
import { agreesWithStamp, writeStamp } from './stamp.ts'
import { findPython } from './tools.ts'

const part = 'python environment'
const stamped = ['../.venv/pyvenv.cfg', '../.venv/bin/python3', '../.venv/bin/pip']

/** Makes it where it is missing, was left half-done, was moved, or lost the Python that it stands on. Returns its interpreter. */
export async function ensureVirtualEnvironment(places: Places, options: SetupOptions): Promise<Outcome<string>> {
  if (hasVirtualEnvironment(places)) return { value: places.python, diagnostics: [] }
  return withLock(places, part, options.report, async () => {
    if (hasVirtualEnvironment(places)) return { value: places.python, diagnostics: [] }
    const python = await findPython(options.environment)
    if (python.value === undefined) return { diagnostics: python.diagnostics }

    options.report({ part, state: 'started', text: `making a virtual environment with Python ${python.value.version}` })
    rmSync(places.stamp('venv'), { force: true })
    const { exitCode, output } = await runProgram(python.value.path, ['-I', '-m', 'venv', '--clear', places.virtualEnvironment], options)
    if (exitCode !== 0) return cannotMake(python.value.path, output)
    writeStamp(places.stamp('venv'), virtualEnvironmentKey(places), stamped)
    options.report({ part, state: 'done', text: `virtual environment with Python ${python.value.version}` })
    return { value: places.python, diagnostics: [] }
  })
}

export function hasVirtualEnvironment(places: Places): boolean {
  return agreesWithStamp(places.stamp('venv'), virtualEnvironmentKey(places))
}

/** Its scripts hold absolute paths, and it borrows the interpreter: both belong to what it is. */
export function virtualEnvironmentKey(places: Places): string {
  try {
    return `${places.projectRoot} ${realpathSync(places.python)}`
  } catch {
    return 'absent'
  }
}

function cannotMake(python: string, output: string): Outcome<never> {
  return {
    diagnostics: [
      {
        code: 'virtual-environment-failed',
        severity: 'error',
        message: `${python} could not make a virtual environment:\n  ${lastLines(output)}\n `,
        hint: 'Mend what it names (often a full disk, or the package python3-venv) and start again.',
      },
    ],
  }
}
