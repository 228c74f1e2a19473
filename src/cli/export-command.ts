/** `runner export`: says where the model lies and what is in it. */
import { readdir } from 'node:fs/promises'
import { exportRun } from '../run/export.ts'
import type { ModelFormat } from '../run/model-files.ts'
import type { Preparation } from '../run/prepare.ts'
import { shownPath } from './show-run.ts'
import type { Terminal } from './terminal.ts'

export interface ExportOptions {
  readonly to: string
  readonly format: ModelFormat
}

export async function showExport(run: string, { to, format }: ExportOptions, preparation: Preparation, terminal: Terminal): Promise<void> {
  const folder = await exportRun(run, to, format, preparation)
  terminal.out(`${shownPath(folder, preparation.workspace.cwd)}: ${(await readdir(folder)).sort().join(', ')}`)
}
