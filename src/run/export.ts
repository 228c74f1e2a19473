/** `runner export RUN --to FOLDER`: a finished run's selected weights in a form that other programs load. */
import { readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Fault } from '../diagnostics/diagnostic.ts'
import { operatingPoint, readFinishedRun } from './finished-run.ts'
import { exportModel, type ModelFormat } from './model-files.ts'
import { startTensorflow, type Preparation } from './prepare.ts'

/** Resolves with the absolute folder. Throws `Fault` where the run is not finished, or there is something in the folder already. */
export async function exportRun(run: string, to: string, format: ModelFormat, preparation: Preparation): Promise<string> {
  const { workspace, listen } = preparation
  const finished = await readFinishedRun(run, workspace)
  const target = resolve(workspace.cwd, to)
  if ((await readdir(target).catch(() => [])).length > 0) {
    const message = `${to} is not empty`
    throw new Fault([{ code: 'folder-not-empty', severity: 'error', message, hint: 'Name a folder that does not exist yet.' }], 2)
  }
  const threshold = await operatingPoint(finished, listen)
  await exportModel({ ...finished, threshold }, target, format, () => startTensorflow(finished.experiment, preparation))
  return target
}
