/** Every path under `runs/`, and how a run is made and found. */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'

/** The paths of one run. */
export interface RunFolder {
  /** `<yyyymmdd-hhmmss>-<name>-<4 letters>`: the folder's name and the run's id. */
  readonly id: string
  readonly path: string
  readonly experiment: string
  readonly resolved: string
  readonly plan: string
  readonly environment: string
  readonly split: string
  readonly audit: string
  readonly journal: string
  readonly checkpoints: string
  /** What was compiled for a device. */
  readonly executables: string
  readonly predictions: string
  readonly metrics: string
  readonly classificationReport: string
  readonly plots: string
  readonly tables: string
  readonly report: string
  readonly model: string
  /** What MLflow was last told of. */
  readonly receipt: string
}

export function runFolder(path: string): RunFolder {
  const inside = (name: string): string => join(path, name)
  return {
    id: basename(path),
    path,
    experiment: inside('experiment.yaml'),
    resolved: inside('resolved.yaml'),
    plan: inside('plan.txt'),
    environment: inside('environment.json'),
    split: inside('split.csv'),
    audit: inside('audit.txt'),
    journal: inside('journal.jsonl'),
    checkpoints: inside('checkpoints'),
    executables: inside('executables'),
    predictions: inside('predictions.csv'),
    metrics: inside('metrics.json'),
    classificationReport: inside('classification-report.txt'),
    plots: inside('plots'),
    tables: inside('tables'),
    report: inside('report.html'),
    model: inside('model'),
    receipt: inside('mlflow.json'),
  }
}

/** Decoded images, shared by runs on the same data. */
export function packsFolder(runs: string): string {
  return join(runs, 'packs')
}

/** The embedded MLflow: its database, artifacts, log and the file that says which server answers. */
export function mlflowFolder(runs: string): string {
  return join(runs, 'mlflow')
}

/** Beside the experiments' folders: comparisons, each with a journal like a run's. */
export const comparisonsFolder = 'comparisons'
/** Beside them: sweeps, each with a journal like a run's and the folders of its trials. */
export const sweepsFolder = 'sweeps'

/** The name of an experiment's folder: none that has another meaning under `runs/`. */
export function experimentFolder(experiment: string): string {
  const name = fileName(experiment)
  return ['packs', 'mlflow', comparisonsFolder, sweepsFolder].includes(name) ? `${name}-runs` : name
}

/** Makes the folder of a new run. `now` in milliseconds since 1970; the name is local time, for people. */
export async function createRunFolder(runs: string, experiment: string, name: string, now: number): Promise<RunFolder> {
  const id = `${stamp(new Date(now))}-${fileName(name)}-${letters()}`
  const path = join(runs, fileName(experiment), id)
  await mkdir(path, { recursive: true })
  return runFolder(path)
}

function stamp(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`
  return `${day}-${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`
}

/** Letters, digits, dots and dashes stay; everything else becomes a dash. */
function fileName(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+|-+$/g, '') || 'run'
}

function letters(): string {
  return Array.from(randomBytes(4), (byte) => 'abcdefghijkmnpqrstuvwxyz'[byte % 24]).join('')
}

/** Every run under `runs/`, those of sweeps among them, oldest first. */
export async function listRuns(runs: string): Promise<RunFolder[]> {
  const others = [packsFolder(runs), mlflowFolder(runs), join(runs, comparisonsFolder), join(runs, sweepsFolder)]
  const experiments = (await subfolders(runs)).filter((path) => !others.includes(path))
  return foldersWithJournal([...experiments, ...(await subfolders(join(runs, sweepsFolder)))])
}

/** Every comparison, oldest first. */
export function listComparisons(runs: string): Promise<RunFolder[]> {
  return foldersWithJournal([join(runs, comparisonsFolder)])
}

/** Every sweep, oldest first. */
export function listSweeps(runs: string): Promise<RunFolder[]> {
  return foldersWithJournal([join(runs, sweepsFolder)])
}

/** The runs that lie in a folder, such as all of an experiment or of a sweep, oldest first; none where it is a run itself or no folder. */
export function runsInside(path: string): Promise<RunFolder[]> {
  return foldersWithJournal([path])
}

async function foldersWithJournal(parents: readonly string[]): Promise<RunFolder[]> {
  const folders: RunFolder[] = []
  for (const parent of parents)
    for (const path of await subfolders(parent)) if (await isFile(runFolder(path).journal)) folders.push(runFolder(path))
  return folders.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** A run or a sweep by folder, by id, by the beginning of an id that only one has; or the newest run for "last". Null where there is none or more than one. */
export async function findRun(runs: string, name: string, cwd: string): Promise<RunFolder | null> {
  const asPath = runFolder(resolve(cwd, name))
  if (await isFile(asPath.journal)) return asPath
  const ownRuns = await listRuns(runs)
  if (name === 'last') return ownRuns.at(-1) ?? null
  const all = [...ownRuns, ...(await listSweeps(runs))]
  const exact = all.find(({ id }) => id === name)
  if (exact) return exact
  const beginning = all.filter(({ id }) => id.startsWith(name))
  return beginning.length === 1 ? (beginning[0] ?? null) : null
}

async function subfolders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name))
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}
