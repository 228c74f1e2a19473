/** The command line: words to stories, stories to text and exit codes. Rooms that are heavy are loaded by the command that needs them. */
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError } from 'commander'
import { Fault } from '../diagnostics/diagnostic.ts'
import { renderDiagnostics } from '../diagnostics/frame.ts'
import { diagnosticRecords } from '../diagnostics/json.ts'
import { hasError } from '../diagnostics/sort.ts'
import type { Listener } from '../run/story.ts'
import type { Workspace } from '../run/workspace.ts'
import { openTerminal, paint, type Terminal } from './terminal.ts'

interface Options {
  readonly set: readonly string[]
  readonly quiet?: boolean
  readonly json?: boolean
  readonly format?: string
  readonly to?: string
}

const collect = (value: string, previous: readonly string[]): readonly string[] => [...previous, value]

/** Runs a command; resolves with the exit code of design section 3. */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode = 0
  const terminal = openTerminal({
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    isQuiet: argv.includes('--quiet') || argv.includes('--json'),
  })
  const finish = (code: number): void => {
    exitCode = code
  }
  try {
    await program(workspaceOf(), terminal, finish).parseAsync([...argv], { from: 'user' })
  } catch (error) {
    exitCode = explain(error, terminal)
  }
  return exitCode
}

function workspaceOf(): Workspace {
  const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
  const home = process.env['RUNNER_HOME']
  return {
    projectRoot,
    home: home === undefined || home === '' ? projectRoot : home,
    cwd: process.cwd(),
    environment: process.env,
    now: Date.now,
  }
}

function program(workspace: Workspace, terminal: Terminal, finish: (code: number) => void): Command {
  const root = new Command('runner')
    .description('Declarative experiments for image-patch classification.')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text.trimEnd()), writeErr: (text) => terminal.say(text.trimEnd()) })
  const withSet = (command: Command): Command =>
    command.option('--set <path=value>', 'replace a value of the file; may be repeated', collect, [])

  withSet(root.command('run <file>', { isDefault: true }).description('check, plan, train, evaluate, log'))
    .option('--quiet', 'say nothing but faults and the result')
    .option('--json', 'events as JSON lines on stdout')
    .action(async (file: string, options: Options) => finish(await runTraining(file, options, workspace, terminal)))

  withSet(root.command('check <files...>').description('every fault of every file; changes nothing'))
    .option('--format <format>', 'pretty or json', 'pretty')
    .action(async (files: readonly string[], options: Options) => finish(await check(files, options, workspace, terminal)))

  withSet(root.command('plan <file>').description('the network: shapes, parameters, costs')).action(
    async (file: string, options: Options) => {
      const [{ loadChecked }, { renderPlan }] = await Promise.all([import('../run/load.ts'), import('../network/render-plan.ts')])
      terminal.out(renderPlan((await loadChecked(file, options.set, workspace)).network))
    },
  )

  withSet(root.command('split <file>').description('the audited split'))
    .option('--to <folder>', 'write training, validation and testing folders')
    .action(async (file: string, options: Options) => {
      const [{ splitDataset }, { showRun }, { renderSplit }] = await Promise.all([
        import('../run/split.ts'),
        import('./show-run.ts'),
        import('./show-split.ts'),
      ])
      const { experiment, dataset } = await splitDataset({
        file,
        set: options.set,
        to: options.to ?? null,
        workspace,
        listen: showRun(terminal),
      })
      terminal.out(renderSplit(experiment, dataset))
    })

  root
    .command('sync [run]')
    .description('tell MLflow what it has not got: one run, or all')
    .action(async (run: string | undefined) => {
      const [{ syncRuns }, { showRun }] = await Promise.all([import('../run/sync.ts'), import('./show-run.ts')])
      for (const { run: id, url } of await syncRuns(run ?? null, workspace, showRun(terminal))) terminal.out(`${id}  ${url}`)
    })

  root
    .command('ui [run]')
    .description("open MLflow's pages; Ctrl-C closes them")
    .action(async (run: string | undefined) => {
      const [{ openPages }, { showRun }] = await Promise.all([import('../run/ui.ts'), import('./show-run.ts')])
      const pages = await openPages(run ?? null, workspace, showRun(terminal))
      terminal.out(pages.url)
      terminal.say('Ctrl-C stops the server.')
      await new Promise<void>((resolve) => {
        process.once('SIGINT', resolve)
        process.once('SIGTERM', resolve)
      })
      await pages.close()
    })

  root
    .command('list')
    .description('runs and what became of them')
    .action(async () => {
      const { describeRuns } = await import('../run/list.ts')
      for (const { id, status, epochs, score } of await describeRuns(workspace))
        terminal.out(`${id.padEnd(44)}${status.padEnd(20)}${epochs.padStart(8)}${score.padStart(9)}`)
    })

  root
    .command('doctor')
    .description('what training needs, what is there, and what mends the rest')
    .action(async () => {
      const { diagnoseMachine } = await import('../setup/doctor.ts')
      const findings = await diagnoseMachine({ projectRoot: workspace.projectRoot, environment: workspace.environment })
      const marks = {
        ok: paint('ok     ', 'green', terminal),
        missing: paint('missing', 'red', terminal),
        pending: 'pending',
        none: 'none   ',
      }
      for (const { part, state, found, wayOut } of findings)
        terminal.out(`${marks[state]}  ${part.padEnd(22)}${found}${wayOut === undefined ? '' : `\n${' '.repeat(31)}${wayOut}`}`)
      finish(findings.some(({ state }) => state === 'missing') ? 3 : 0)
    })

  root
    .command('schema')
    .description('write schemas/ and docs/reference/ from the schema source')
    .action(async () => {
      const { writeSchemas } = await import('../experiment/write-schema.ts')
      await writeSchemas(workspace.projectRoot)
    })
  return root
}

async function runTraining(file: string, options: Options, workspace: Workspace, terminal: Terminal): Promise<number> {
  const [{ trainExperiment }, { renderSummary, showRun }] = await Promise.all([import('../run/train.ts'), import('./show-run.ts')])
  const { signal, code, stop } = interruptible(terminal)
  const show = showRun(terminal)
  const listen: Listener = (event) => {
    if (options.json === true && event.type === 'journal') terminal.out(JSON.stringify(event.event))
    else if (options.json === true || options.quiet === true) {
      if (event.type === 'warnings' || (event.type === 'tracking' && event.isWarning)) show(event)
    } else show(event)
  }
  try {
    const summary = await trainExperiment({ file, set: options.set, workspace, listen, signal })
    if (options.json !== true) terminal.out(renderSummary(summary, terminal))
    return summary.result.status === 'interrupted' ? code() : 0
  } catch (error) {
    // Interrupted before there was a run: nothing was begun, so there is nothing to tell.
    if (signal.aborted && !(error instanceof Fault)) return code()
    throw error
  } finally {
    stop()
  }
}

/** The first signal asks for an orderly end, the second ends at once. */
function interruptible(terminal: Terminal) {
  const controller = new AbortController()
  let exitCode = 130
  const onSignal = (signal: NodeJS.Signals): void => {
    exitCode = signal === 'SIGTERM' ? 143 : 130
    if (controller.signal.aborted) process.exit(exitCode)
    terminal.say('finishing the step; once more ends at once')
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    code: () => exitCode,
    stop: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}

async function check(files: readonly string[], options: Options, workspace: Workspace, terminal: Terminal): Promise<number> {
  const { checkExperiment } = await import('../run/load.ts')
  const outcomes = await Promise.all(files.map((file) => checkExperiment(file, options.set, workspace)))
  if (options.format === 'json') {
    terminal.out(
      JSON.stringify(
        outcomes.flatMap(({ diagnostics, sources }) => diagnosticRecords(diagnostics, sources)),
        null,
        2,
      ),
    )
  } else {
    for (const [index, { diagnostics, sources, value }] of outcomes.entries()) {
      if (diagnostics.length > 0) terminal.say(`${renderDiagnostics(diagnostics, sources, { color: terminal.color })}\n`)
      if (value) terminal.out(`${paint('✓', 'green', terminal)} ${files[index] ?? ''}`)
    }
  }
  return outcomes.some(({ diagnostics }) => hasError(diagnostics)) ? 1 : 0
}

/** A fault in its frame; anything else is ours. */
function explain(error: unknown, terminal: Terminal): number {
  if (error instanceof Fault) {
    terminal.say(renderDiagnostics(error.diagnostics, error.sources, { color: terminal.color }))
    return error.exitCode
  }
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  terminal.say(
    `${paint('This is a bug in runner; please report it with what follows.', 'red', terminal)}\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  )
  return 70
}
