/** MLflow, whole, in `.venv/`. Independent of TensorFlow: training does not wait for it. */
import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Outcome } from '../diagnostics/diagnostic.ts'
import { withLock } from './lock.ts'
import { pipInstall } from './pip.ts'
import { placesOf, type Places } from './places.ts'
import type { SetupOptions } from './setup-options.ts'
import { agreesWithStamp, writeStamp } from './stamp.ts'
import { ensureVirtualEnvironment, virtualEnvironmentKey } from './virtual-environment.ts'

export interface Mlflow {
  readonly version: string
  /** The `mlflow` program, and the Python that can import it. */
  readonly executable: string
  readonly python: string
}

/** What virtual environments are born with: kept when a half-done installation is cleared away. */
const pipItself = /^(pip|setuptools|wheel|pkg_resources|_distutils_hack|distutils-precedence)/

/** Installs it where it is missing or half-done; otherwise some stat calls. */
export async function ensureMlflow(options: SetupOptions): Promise<Outcome<Mlflow>> {
  const places = placesOf(options.projectRoot)
  const ready = findMlflow(places)
  if (ready) return { value: ready, diagnostics: [] }
  return withLock(places, 'mlflow', options.report, async () => {
    const meanwhile = findMlflow(places)
    return meanwhile ? { value: meanwhile, diagnostics: [] } : install(places, options)
  })
}

/** Null where it is not whole. Starts nothing. */
export function findMlflow(places: Places): Mlflow | null {
  if (!agreesWithStamp(places.stamp('mlflow'), mlflowKey(places))) return null
  return { version: pinnedVersion(places), executable: places.mlflow, python: places.python }
}

async function install(places: Places, options: SetupOptions): Promise<Outcome<Mlflow>> {
  const python = await ensureVirtualEnvironment(places, options)
  if (python.value === undefined) return { diagnostics: python.diagnostics }

  const version = pinnedVersion(places)
  options.report({ part: 'mlflow', state: 'started', text: `installing MLflow ${version}` })
  rmSync(places.stamp('mlflow'), { force: true })
  clearPackages(places)
  const fault = await pipInstall(python.value, 'mlflow', ['-r', places.requirements('mlflow')], options)
  if (fault) return { diagnostics: [fault] }
  writeStamp(places.stamp('mlflow'), mlflowKey(places), filesToStamp(places))
  options.report({ part: 'mlflow', state: 'done', text: `MLflow ${version}` })
  return { value: { version, executable: places.mlflow, python: places.python }, diagnostics: [] }
}

/** pip takes a package of which half was unpacked for installed, or cannot uninstall it. The pip beside, which TensorFlow may use now, stays. */
function clearPackages(places: Places): void {
  const folder = sitePackages(places)
  for (const name of readdirSync(folder)) {
    if (!pipItself.test(name)) rmSync(join(folder, name), { recursive: true, force: true })
  }
}

function filesToStamp(places: Places): string[] {
  const folder = sitePackages(places)
  const packages = readdirSync(folder)
    .filter((name) => name !== '__pycache__')
    .flatMap((name) => (name.endsWith('.dist-info') ? [join(folder, name, 'RECORD')] : [join(folder, name)]))
  return [places.mlflow, ...packages].map((path) => relative(dirname(places.stamp('mlflow')), path))
}

function sitePackages(places: Places): string {
  const libraries = join(places.virtualEnvironment, 'lib')
  const python = readdirSync(libraries).find((name) => name.startsWith('python3'))
  if (python === undefined) throw new Error(`Internal error: ${libraries} holds no Python`)
  return join(libraries, python, 'site-packages')
}

function mlflowKey(places: Places): string {
  return `${readFileSync(places.requirements('mlflow'), 'utf8')} ${virtualEnvironmentKey(places)}`
}

function pinnedVersion(places: Places): string {
  const pin = /^mlflow==(\S+)$/m.exec(readFileSync(places.requirements('mlflow'), 'utf8'))
  if (!pin?.[1]) throw new Error('Internal error: requirements/mlflow.txt pins no mlflow')
  return pin[1]
}
