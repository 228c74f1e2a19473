/** `runner sync`: what MLflow was told of each run, and what it still has not got. */
import { Fault } from '../diagnostics/diagnostic.ts'
import { renderDiagnostics } from '../diagnostics/frame.ts'
import type { Preparation } from '../run/prepare.ts'
import { syncRuns, type Synced } from '../run/sync.ts'
import { counted, type Terminal } from './terminal.ts'

export interface SyncCommandOptions {
  readonly all?: boolean
}

/** Resolves with the exit code: 3 where a run could not be told. */
export async function syncCommand(
  run: string | undefined,
  { all }: SyncCommandOptions,
  terminal: Terminal,
  { workspace, listen }: Preparation,
): Promise<number> {
  if (all === true && run !== undefined) {
    const message = `sync takes a run or --all, and was given both: ${JSON.stringify(run)}`
    throw new Fault([{ code: 'command-unknown', severity: 'error', message, hint: 'runner sync --help shows its options.' }], 2)
  }
  const synced = await syncRuns(run ?? null, workspace, listen)
  for (const one of synced) terminal.out(`${one.run}  ${outcomeOf(one)}`)
  const faults = synced.flatMap(({ fault }) => (fault ? [fault] : []))
  if (faults.length > 0) terminal.say(renderDiagnostics(faults, new Map(), { color: terminal.color }))
  return faults.some(({ severity }) => severity === 'error') ? 3 : 0
}

function outcomeOf({ told, fault }: Synced): string {
  if (!told) return fault ? 'not told' : 'nothing to tell'
  const { metrics, artifacts, url } = told
  const sent = [several(metrics, 'point'), several(artifacts, 'file')].filter((part) => part !== '').join(', ')
  return `${sent === '' ? 'nothing new' : `${sent} sent`}  ${url}`
}

function several(count: number, what: string): string {
  return count === 0 ? '' : `${counted(count)} ${what}${count === 1 ? '' : 's'}`
}
