/** Every command with its options. What a command needs is loaded when it is called: `check` starts without sharp and TensorFlow. */
import { Command, Option } from 'commander'
import type { Preparation } from '../run/prepare.ts'
import type { Workspace } from '../run/workspace.ts'
import type { SweepOptions } from './sweep-command.ts'
import type { TrainOptions } from './train-command.ts'
import type { CheckOptions } from './check-command.ts'
import type { CompareOptions } from './compare-command.ts'
import type { EvaluateOptions } from './evaluate-command.ts'
import type { ExportOptions } from './export-command.ts'
import type { PredictOptions } from './predict-command.ts'
import type { DiffOptions } from './diff-command.ts'
import type { ExplainOptions } from './explain-command.ts'
import type { SyncCommandOptions } from './sync-command.ts'
import type { InitOptions } from './init-command.ts'
import type { PlanOptions } from './plan-command.ts'
import type { Terminal } from './terminal.ts'

interface SetOption {
  readonly set: readonly string[]
}

export interface ProgramOptions {
  readonly workspace: Workspace
  readonly terminal: Terminal
  readonly version: string
  /** Told how the command ended; 0 where it is not told. */
  readonly finish: (exitCode: number) => void
}

export function createProgram({ workspace, terminal, version, finish }: ProgramOptions): Command {
  const root = new Command('runner')
    .description('Declarative experiments for image-patch classification: one YAML file in, a trained and documented model out.')
    .version(version)
    .showSuggestionAfterError()
    .showHelpAfterError('runner --help lists the commands and their options.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text.trimEnd()), writeErr: (text) => terminal.say(text.trimEnd()) })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 the experiment or its data, 2 usage, 3 this machine, 4 the training, 130 or 143 interrupted.',
    )

  withSet(root.command('run <file>', { isDefault: true }).description('check, plan, train, evaluate, log; the word run may be left out'))
    .option('--quiet', 'say nothing but warnings, faults and the result')
    .option('--json', 'every event of the journal as a line of JSON on stdout')
    .option('--failed', "of a sweep's trials, try those again that failed")
    .option('--fresh', 'begin a sweep anew, whatever was done of it before')
    .option('--test', 'let every trial of a sweep read the test images, which every reading wears out')
    .action(async (file: string, options: SweepOptions) => {
      const { runFile } = await import('./run-command.ts')
      finish(await runFile(file, options, workspace, terminal))
    })

  withSet(root.command('resume [run]').description('go on with a run that was interrupted or killed; the newest where none is named'))
    .option('--quiet', 'say nothing but warnings, faults and the result')
    .option('--json', 'every event of the journal as a line of JSON on stdout')
    .action(async (run: string | undefined, options: TrainOptions) => {
      const { resumeTraining } = await import('./train-command.ts')
      finish(await resumeTraining(run ?? 'last', options, workspace, terminal))
    })

  withSet(root.command('check <files...>').description('every fault of every file; changes nothing'))
    .addOption(new Option('--format <format>', 'how faults are shown').choices(['pretty', 'json', 'sarif']).default('pretty'))
    .action(async (files: readonly string[], options: Omit<CheckOptions, 'version'>) => {
      const { checkFiles } = await import('./check-command.ts')
      finish(await checkFiles(files, { ...options, version }, workspace, terminal))
    })

  withSet(
    root
      .command('plan <file>')
      .description('the network, its costs and memory, the split, the steps and learning rates; nothing is trained'),
  )
    .addOption(new Option('--format <format>', 'how the plan is shown').choices(['pretty', 'json']).default('pretty'))
    .option('--graph <file>', "write the compiled steps' operations: a list to read, or DOT where the name ends in .dot")
    .action(async (file: string, options: PlanOptions) => {
      const { showPlan } = await import('./plan-command.ts')
      await showPlan(file, options, await preparation(), terminal)
    })

  withSet(
    root.command('explain <file> [path]').description('a value: where it was set, its default, what is allowed; without a path all values'),
  )
    .addOption(new Option('--format <format>', 'how it is shown').choices(['pretty', 'json']).default('pretty'))
    .action(async (file: string, path: string | undefined, options: ExplainOptions) => {
      const { showExplanation } = await import('./explain-command.ts')
      await showExplanation(file, path ?? null, options, workspace, terminal)
    })

  withSet(root.command('diff <before> <after>').description('what two files mean differently, and what it costs; --set changes the second'))
    .addOption(new Option('--format <format>', 'how it is shown').choices(['pretty', 'json']).default('pretty'))
    .action(async (before: string, after: string, options: DiffOptions) => {
      const { showDiff } = await import('./diff-command.ts')
      const { listen } = await preparation()
      await showDiff(before, after, options, { workspace, listen, terminal })
    })

  root
    .command('init [folder]')
    .description('write an experiment file to start from: layout, classes, patients and sizes are found in a folder of images')
    .option('--to <file>', 'the file to write; else it is named after the folder, in experiments/ where that is there')
    .action(async (folder: string | undefined, options: InitOptions) => {
      const { startFile } = await import('./init-command.ts')
      await startFile(folder ?? null, options, workspace, terminal)
    })

  withSet(root.command('split <file>').description('the audited split'))
    .option('--to <folder>', 'write training/, validation/ and testing/ with the images in a folder for each class')
    .action(async (file: string, { set, to }: SetOption & { readonly to?: string }) => {
      const [{ splitDataset }, { renderSplit }] = await Promise.all([import('../run/split.ts'), import('./show-split.ts')])
      const { experiment, dataset } = await splitDataset({ file, set, to: to ?? null, ...(await preparation()) })
      terminal.out(renderSplit(experiment, dataset, terminal.outColor))
    })

  root
    .command('sync [run]')
    .description('tell MLflow what it has not got of a run, or of all')
    .option('--all', 'every run, which is also what no name means')
    .action(async (run: string | undefined, options: SyncCommandOptions) => {
      const { syncCommand } = await import('./sync-command.ts')
      finish(await syncCommand(run, options, terminal, await preparation()))
    })

  root
    .command('ui [run]')
    .description("open MLflow's pages, at a run where one is named; Ctrl-C closes them")
    .action(async (run: string | undefined) => {
      const { openPages } = await import('../run/ui.ts')
      const { listen } = await preparation()
      const pages = await openPages(run ?? null, workspace, listen)
      terminal.out(pages.url)
      if (pages.besideOthers !== null) terminal.say(`Beside the other runs of its experiment: ${pages.besideOthers}`)
      terminal.say('Ctrl-C ends it.')
      await nextSignal()
      await pages.close()
    })

  root
    .command('reproduce <run>')
    .description('train a finished run once more, and say whether every bit is the same, or where they part')
    .option('--quiet', 'say nothing but warnings, faults and the result')
    .option('--json', 'every event of the journal, and the outcome, as a line of JSON on stdout')
    .action(async (run: string, options: Omit<TrainOptions, 'set'>) => {
      const { showReproduction } = await import('./reproduce-command.ts')
      finish(await showReproduction(run, options, workspace, terminal))
    })

  root
    .command('compare [runs...]')
    .description('who is better, and can that be said: runs, or groups of seeds, on the same validation images')
    .option(
      '--group <name=run,run>',
      'runs of one variant; may be repeated. Without it runs that differ in the seed only are one',
      collect,
      [],
    )
    .option('--test', 'compare on the test images, which every reading wears out')
    .option('--metric <name>', 'roc_auc, balanced_accuracy, accuracy, f1, mcc, sensitivity or specificity')
    .option('--reference <group>', 'compare every other group with this one, and not all with each other')
    .addOption(new Option('--format <format>', 'how it is shown').choices(['pretty', 'json']).default('pretty'))
    .option('--html <file>', 'write it as a page, too')
    .option('--no-log', 'keep nothing under runs/ and tell MLflow nothing')
    .action(async (runs: readonly string[], options: CompareOptions) => {
      const { showComparison } = await import('./compare-command.ts')
      await showComparison(runs, options, await preparation(), terminal)
    })

  root
    .command('predict <run> <paths...>')
    .description("what a finished run's selected weights say of images: files, folders at any depth, or patterns in quotes")
    .addOption(new Option('--format <format>', 'how it is written').choices(['csv', 'jsonl']).default('csv'))
    .option('--to <file>', 'the file to write; else standard output')
    .option('--slide-maps <folder>', 'draw the patches of each slide where their names say that they lay: a PNG a slide, and index.html')
    .action(async (run: string, paths: readonly string[], options: PredictOptions) => {
      const { showPredictions } = await import('./predict-command.ts')
      finish(await showPredictions(run, paths, options, await preparation(), terminal))
    })

  root
    .command('evaluate <run>')
    .description("a finished run's metrics again, on its test images or on other data")
    .option('--data <root>', 'a folder of other data in the layout of the run, none of whose patients it was trained on')
    .addOption(new Option('--format <format>', 'how it is shown').choices(['pretty', 'json']).default('pretty'))
    .action(async (run: string, options: EvaluateOptions) => {
      const { showEvaluation } = await import('./evaluate-command.ts')
      await showEvaluation(run, options, await preparation(), terminal)
    })

  root
    .command('export <run>')
    .description("a finished run's selected weights for other programs, with what has to be done to an image first")
    .requiredOption('--to <folder>', 'the folder to write, which must not exist yet or be empty')
    .addOption(new Option('--format <format>', 'tfjs-layers or TensorFlow').choices(['tfjs', 'saved-model']).default('saved-model'))
    .action(async (run: string, options: ExportOptions) => {
      const { showExport } = await import('./export-command.ts')
      await showExport(run, options, await preparation(), terminal)
    })

  root
    .command('report <run>')
    .description("a finished run's report.html made anew: numbers, curves, slide maps and what was run, in one file")
    .action(async (run: string) => {
      const [{ reportRun }, { shownPath }] = await Promise.all([import('../run/report.ts'), import('./show-run.ts')])
      terminal.out(shownPath((await reportRun(run, workspace)).report, workspace.cwd))
    })

  root
    .command('list')
    .description('the runs and what became of them')
    .action(async () => {
      const [{ describeRuns }, { renderList }, { settleKilledRuns }] = await Promise.all([
        import('../run/list.ts'),
        import('./show-list.ts'),
        import('../run/settle.ts'),
      ])
      terminal.out(renderList(await describeRuns(workspace), terminal.outColor))
      await settleKilledRuns(workspace, (await preparation()).listen)
    })

  // For Slurm, not for people.
  root
    .command('trial <job> <task>', { hidden: true })
    .description("one task of a sweep's array job, as sweep.launcher: slurm submits it")
    .action(async (job: string, task: string) => {
      const { runTask } = await import('./trial-command.ts')
      finish(await runTask(job, task, workspace, terminal))
    })

  root
    .command('doctor')
    .description('what training needs of this machine, what is there, and what mends the rest')
    .action(async () => {
      const [{ diagnoseMachine }, { renderMachine }] = await Promise.all([import('../setup/doctor.ts'), import('./show-machine.ts')])
      const { projectRoot, environment } = workspace
      const findings = await diagnoseMachine({ projectRoot, environment })
      terminal.out(renderMachine(findings, terminal.outColor))
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

  async function preparation(): Promise<Preparation> {
    const { showRun } = await import('./show-run.ts')
    return { workspace, listen: showRun({ terminal, cwd: workspace.cwd }), signal: new AbortController().signal }
  }
}

/** Of an option that may be repeated. */
function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value]
}

function withSet(command: Command): Command {
  return command.option('--set <path=value>', 'replace a value of the file; may be repeated', collect, [])
}

/** The listeners stay: a second signal must not end the process while a server is being stopped. */
function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    // A listener for signals alone does not keep a process.
    const life = setInterval(() => undefined, 2 ** 30)
    const onSignal = (): void => {
      clearInterval(life)
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
  })
}
