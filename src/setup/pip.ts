/** pip, as the set-up uses it: wheels only, without questions, and never outliving the process that started it. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { lastLines, runProgram } from './child-process.ts'
import type { SetupOptions, SetupPart } from './setup-options.ts'

/**
 * A runner that is killed must not leave a pip behind that writes into what the next one repairs: prctl(PR_SET_PDEATHSIG, SIGKILL), and no start
 * at all where the parent died before that. The first argument is the parent's pid.
 */
const pipThatEndsWithUs = `import ctypes, os, runpy, sys
try: ctypes.CDLL(None).prctl(1, 9)
except AttributeError: pass
if os.getppid() != int(sys.argv.pop(1)): sys.exit('the runner that started this pip is gone')
sys.argv[0] = 'pip'
runpy.run_module('pip', run_name='__main__', alter_sys=True)`

const names: Readonly<Partial<Record<SetupPart, string>>> = { mlflow: 'MLflow', tensorflow: 'TensorFlow', pjrt: "XLA's plugin" }

/** Runs `pip install` with these arguments. Returns null, or the fault with the end of what pip said. */
export async function pipInstall(
  python: string,
  part: SetupPart,
  args: readonly string[],
  { environment, report }: SetupOptions,
): Promise<Diagnostic | null> {
  const always = ['--no-input', '--disable-pip-version-check', '--no-warn-script-location', '--only-binary=:all:', '--progress-bar=off']
  const { exitCode, output } = await runProgram(
    python,
    ['-I', '-c', pipThatEndsWithUs, String(process.pid), 'install', ...always, ...args],
    {
      environment,
      onLine: (line) => {
        if (/^(Collecting|Downloading|Installing)\b/.test(line) && !line.includes('.metadata'))
          report({ part, state: 'working', text: shorten(line) })
      },
    },
  )
  if (exitCode === 0) return null
  const errors = output.split('\n').filter((line) => !line.startsWith('WARNING: Location'))
  return {
    code: 'pip-failed',
    severity: 'error',
    message: `pip could not install ${names[part] ?? part} (exit code ${exitCode}):\n  ${lastLines(errors.join('\n'))}\n `,
    hint: 'Mend what pip names (often the network or a full disk) and start again: what is complete is kept.',
  }
}

/** `Downloading https://…/a-1.0.whl (2 MB)` says no more than its file and size; the list of all packages fills no terminal. */
function shorten(line: string): string {
  const text = line.replace(/\S*\/(?=\S)/, '').replace(/ \(from .*$/, '')
  return text.startsWith('Installing collected packages') ? 'Installing the packages' : text
}
