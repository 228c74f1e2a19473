/** What the machine itself must bring: Python with venv, and a C++ compiler. Each one missing is a fault with the command that installs it. */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Outcome } from '../diagnostics/diagnostic.ts'
import { runProgram } from './child-process.ts'
import { howToInstall } from './install-commands.ts'

const pythonNames = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10']
const oldestPython = [3, 10] as const
const compilerNames = ['g++', 'c++', 'clang++']
const describePython = `import importlib.util as u, json, sys
print(json.dumps({'version': sys.version_info[:3], 'venv': all(map(u.find_spec, ('venv', 'ensurepip')))}))`

export interface Python {
  readonly path: string
  readonly version: string
}

/** The first of the PATH's Pythons that is new enough and can make a virtual environment. */
export async function findPython(environment: NodeJS.ProcessEnv): Promise<Outcome<Python>> {
  const rejected: string[] = []
  let lacksVenv: Python | undefined
  for (const path of pythonNames.map((name) => findOnPath(name, environment))) {
    if (path === undefined) continue
    const { exitCode, output } = await runProgram(path, ['-I', '-c', describePython], { environment, timeoutMs: 20_000 })
    if (exitCode !== 0) continue
    const found = JSON.parse(output) as { version: [number, number, number]; venv: boolean }
    const python = { path, version: found.version.join('.') }
    if (!isNewEnough(found.version)) rejected.push(`${path} is ${python.version}`)
    else if (found.venv) return { value: python, diagnostics: [] }
    else lacksVenv ??= python
  }
  if (lacksVenv) return fault('python-venv-missing', `${lacksVenv.path} (${lacksVenv.version}) has no venv and ensurepip modules.`, 'venv')
  const seen = rejected.length === 0 ? 'none was found on the PATH' : rejected.join(', ')
  return fault('python-missing', `Python 3.10 or newer is needed, and ${seen}.`, 'python')
}

/** `CXX` where it is set, as make understands it; else the first compiler of the PATH. */
export function findCompiler(environment: NodeJS.ProcessEnv): Outcome<string> {
  const names = environment['CXX'] === undefined || environment['CXX'] === '' ? compilerNames : [environment['CXX']]
  const found = names.map((name) => findOnPath(name, environment)).find((path) => path !== undefined)
  if (found !== undefined) return { value: found, diagnostics: [] }
  return fault('compiler-missing', `A C++ compiler is needed, and there is none on the PATH (looked for ${names.join(', ')}).`, 'compiler')
}

/** Absolute path of an executable file, found without starting anything. */
export function findOnPath(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  if (name.includes('/')) return isExecutable(name) ? name : undefined
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isNewEnough([major, minor]: readonly [number, number, number]): boolean {
  return major > oldestPython[0] || (major === oldestPython[0] && minor >= oldestPython[1])
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function fault(code: string, message: string, tool: 'python' | 'venv' | 'compiler'): Outcome<never> {
  return { diagnostics: [{ code, severity: 'error', message, hint: howToInstall(tool) }] }
}
