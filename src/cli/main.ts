/** The command line: words to stories, stories to text and exit codes. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CommanderError, type Command } from 'commander'
import { systemCode, writingFault } from '../dataset/system-error.ts'
import { Fault } from '../diagnostics/diagnostic.ts'
import { renderDiagnostics } from '../diagnostics/frame.ts'
import { nearestWord } from '../diagnostics/nearest.ts'
import type { Workspace } from '../run/workspace.ts'
import { createProgram } from './program.ts'
import { openTerminal, paint, type Terminal } from './terminal.ts'

/** A fault of ours: sysexits.h calls it EX_SOFTWARE, and no user's fault has this code. */
const bugCode = 70

/** Runs a command; resolves with its exit code, as docs/commands.md lists them. */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode = 0
  const terminal = openTerminal({
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    isQuiet: argv.includes('--quiet') || argv.includes('--json'),
  })
  // Whoever reads the results has enough of them: `runner list | head -1`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : bugCode))
  const workspace = workspaceOf()
  const finish = (code: number): void => {
    exitCode = code
  }
  try {
    const program = createProgram({ workspace, terminal, version: versionOf(workspace), finish })
    if (argv.length === 0) program.help({ error: true })
    refuseUnknownCommand(argv, program, workspace)
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    exitCode = explain(error, terminal)
  }
  // Installations and requests that nobody waits for any more must not keep the process.
  setTimeout(() => process.exit(exitCode), 500).unref()
  return exitCode
}

function workspaceOf(): Workspace {
  const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
  const home = process.env['RUNNER_HOME'] ?? ''
  const cwd = process.cwd()
  return { projectRoot, home: home === '' ? projectRoot : resolve(cwd, home), cwd, environment: process.env, now: Date.now }
}

function versionOf({ projectRoot }: Workspace): string {
  const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { readonly version: string }
  return version
}

/** A first word that is neither a command nor a file: most likely a command that was mistyped. */
function refuseUnknownCommand(argv: readonly string[], program: Command, { cwd }: Workspace): void {
  const [word = ''] = argv
  const names = [...program.commands.map((command) => command.name()), 'help']
  if (!/^\w+$/.test(word) || names.includes(word) || existsSync(resolve(cwd, word))) return
  const meant = nearestWord(word, names)
  const hint = meant === undefined ? 'runner --help lists the commands.' : `Did you mean "${meant}"?`
  throw new Fault([{ code: 'command-unknown', severity: 'error', message: `there is neither a command nor a file "${word}"`, hint }], 2)
}

/** A fault in its frame; what the disk refuses, as a fault of the machine; anything else is ours. */
function explain(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const fault = error instanceof Fault ? error : faultOfDisk(error)
  if (fault) {
    terminal.say(renderDiagnostics(fault.diagnostics, fault.sources, { color: terminal.color }))
    return fault.exitCode
  }
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error)
  terminal.say(`${paint('This is a bug in runner; please report it with what follows.', 'red', terminal.color)}\n${details}`)
  return bugCode
}

function faultOfDisk(error: unknown): Fault | null {
  const path = error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : 'runs/'
  const fault = writingFault(error, path)
  if (!fault) return null
  const message = `${path} cannot be written to any more (${systemCode(error) ?? ''}); what was committed before stays`
  return new Fault([{ ...fault, message }], 3)
}
