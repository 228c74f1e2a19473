/** `runner FILE`: check, prepare, train, evaluate, log. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { prepareDataset, type PreparedDataset } from '../dataset/prepare.ts'
import { renderAudit } from '../dataset/audit.ts'
import { splitDigest, writeManifest } from '../dataset/manifest-csv.ts'
import type { SplitName } from '../dataset/manifest.ts'
import { Fault } from '../diagnostics/diagnostic.ts'
import { EngineError, startEngine, type Engine } from '../engine/engine.ts'
import type { TrainingEvent, TrainingJob } from '../engine/protocol.ts'
import type { Experiment, Located } from '../experiment/experiment.ts'
import { flattenParameters } from '../experiment/flatten-parameters.ts'
import { resolvedYaml } from '../experiment/resolved-yaml.ts'
import type { DatasetContext, EpochEnded, Recorded } from '../journal/events.ts'
import { openJournal, type Journal } from '../journal/journal.ts'
import { createRunFolder, packsFolder, type RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import { classWeightValues } from '../network/class-weights.ts'
import type { Network } from '../network/plan.ts'
import { renderPlan } from '../network/render-plan.ts'
import { engineEnvironment } from '../setup/engine-environment.ts'
import { ensureTensorflow } from '../setup/tensorflow.ts'
import { dataFault, loadChecked } from './load.ts'
import { describeNote } from './note.ts'
import { commitTags, describeEnvironment, findCommit } from './provenance.ts'
import { evaluateRun, finalMetrics, writeResults } from './results.ts'
import type { Listener, RunSummary } from './story.ts'
import { prepareTracking } from './track.ts'
import { runsOf, type Workspace } from './workspace.ts'

export interface TrainRequest {
  readonly file: string
  readonly set: readonly string[]
  readonly workspace: Workspace
  readonly listen: Listener
  /** Aborted by the first Ctrl-C: the step is finished, what is committed stays. */
  readonly signal: AbortSignal
}

/** Throws `Fault` where the experiment, the environment or the training is at fault. */
export async function trainExperiment(request: TrainRequest): Promise<RunSummary> {
  const { file, set, workspace, listen, signal } = request
  // 1. Everything that can be known from the file.
  const { located, network, diagnostics, sources } = await loadChecked(file, set, workspace)
  if (diagnostics.length > 0) listen({ type: 'warnings', diagnostics, sources })
  const { experiment } = located
  await makeRunsFolder(workspace)
  // 2. MLflow and TensorFlow are made ready while the images are read.
  const tracking = prepareTracking(experiment.tracking, workspace, listen)
  const [dataset, engine] = await prepareBoth(located, request, sources)
  try {
    // 3. The run has a folder and a journal from here on.
    const folder = await createRunFolder(runsOf(workspace), experiment.tracking.experiment, experiment.name, workspace.now())
    const commit = await findCommit(workspace.projectRoot)
    await writeInputs(folder, resolve(workspace.cwd, file), experiment, network, dataset)
    await writeFile(folder.environment, describeEnvironment(engine.started, commit))
    const onEvent = (event: Recorded): void => {
      listen({ type: 'journal', event })
      tracking.wake()
    }
    const journal = await openJournal(folder.journal, { now: workspace.now, onEvent })
    await beginJournal(journal, folder, experiment, dataset, engine, commitTags(commit))
    await tracking.begin(folder, journal)
    listen({ type: 'planned', experiment, network, dataset, folder })
    listen({ type: 'engine', started: engine.started })
    // 4. Train, then read the test set once.
    const outcome = await trainAndEvaluate({ engine, experiment, network, dataset, folder, journal, listen, signal })
    const summary = await tracking.finish()
    await journal.close()
    if (outcome instanceof Fault) throw outcome
    return { folder, experiment, dataset, ...outcome, tracking: summary }
  } finally {
    await engine.stop()
  }
}

/** Everything that is known before the first step. */
async function beginJournal(
  journal: Journal,
  folder: RunFolder,
  experiment: Experiment,
  dataset: PreparedDataset,
  engine: Engine,
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  await journal.append({
    type: 'run-started',
    version: 1,
    run: folder.id,
    name: experiment.name,
    experiment: experiment.tracking.experiment,
    seed: experiment.seed,
    epochs: experiment.training.epochs,
    tags: { ...tags, ...experiment.tracking.tags, ...honestyTags(dataset) },
  })
  await journal.append({ type: 'parameters', values: flattenParameters(experiment) })
  for (const split of ['train', 'validation', 'test'] as const) await journal.append(datasetEvent(split, experiment, dataset))
  await journal.append(engine.started)
  for (const path of ['experiment.yaml', 'resolved.yaml', 'plan.txt', 'environment.json', 'split.csv', 'audit.txt'])
    await journal.append({ type: 'artifact', path })
}

/** A place to write to is asked for before anything costs time. */
async function makeRunsFolder(workspace: Workspace): Promise<void> {
  const runs = runsOf(workspace)
  try {
    await mkdir(packsFolder(runs), { recursive: true })
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error)
    const hint = 'Make it a folder that you may write to, or set RUNNER_HOME to another place for runs/ and datasets/.'
    throw new Fault([{ code: 'runs-unwritable', severity: 'error', message: `${runs} cannot be written to: ${why}`, hint }], 3)
  }
}

async function prepareBoth(
  located: Located,
  { workspace, listen, signal }: TrainRequest,
  sources: ReadonlyMap<string, string>,
): Promise<[PreparedDataset, Engine]> {
  const starting = startTensorflow(located.experiment, workspace, listen)
  const preparing = prepareDataset(located, {
    home: workspace.home,
    cache: packsFolder(runsOf(workspace)),
    onProgress: (progress) => listen({ type: 'data', progress }),
    signal,
  })
  const [started, prepared] = await Promise.allSettled([starting, preparing])
  const engine = started.status === 'fulfilled' ? started.value : null
  if (prepared.status === 'rejected' || !prepared.value.value || !engine) {
    await engine?.stop()
    if (prepared.status === 'rejected') throw prepared.reason
    if (!prepared.value.value) throw dataFault(prepared.value.diagnostics, sources)
    throw (started as PromiseRejectedResult).reason
  }
  return [prepared.value.value, engine]
}

async function startTensorflow({ runtime }: Experiment, workspace: Workspace, listen: Listener): Promise<Engine> {
  const { projectRoot, environment } = workspace
  const tensorflow = await ensureTensorflow({ projectRoot, environment, report: (progress) => listen({ type: 'setup', progress }) })
  if (!tensorflow.value) throw new Fault(tensorflow.diagnostics, 3)
  const { device, threads } = runtime
  try {
    return await startEngine({
      device,
      environment: engineEnvironment({ environment, tensorflow: tensorflow.value, device, threads: threads ?? undefined }),
    })
  } catch (error) {
    throw error instanceof EngineError ? engineFault(error) : error
  }
}

function engineFault({ failure }: EngineError): Fault {
  const environmental = failure.code === 'no-gpu' || failure.code === 'checkpoint'
  return new Fault([{ code: `engine-${failure.code}`, severity: 'error', message: failure.message }], environmental ? 3 : 4)
}

/** What the run was made from, in the order in which a reader asks. */
async function writeInputs(
  folder: RunFolder,
  file: string,
  experiment: Experiment,
  network: Network,
  dataset: PreparedDataset,
): Promise<void> {
  await copyFile(file, folder.experiment)
  await writeFile(folder.resolved, resolvedYaml(experiment, folder.path))
  await writeFile(folder.plan, renderPlan(network))
  await writeFile(folder.split, writeManifest(dataset.manifest.rows))
  await writeFile(folder.audit, renderAudit(dataset.audit, experiment.dataset))
}

/** What must never be forgotten about a run's data. */
function honestyTags({ isSynthetic, leakage }: PreparedDataset): Record<string, string> {
  return { ...(isSynthetic ? { synthetic: 'true' } : {}), ...(leakage === null ? {} : { leakage }) }
}

const contexts: Record<SplitName, DatasetContext> = { train: 'training', validation: 'validation', test: 'testing' }

function datasetEvent(split: SplitName, { dataset: { classes, rootAsWritten, layout }, name }: Experiment, dataset: PreparedDataset) {
  const counts = dataset.counts[split]
  return {
    type: 'dataset' as const,
    context: contexts[split],
    name: dataset.isSynthetic ? `${name}-synthetic` : name,
    digest: splitDigest(dataset.manifest, split),
    source: dataset.isSynthetic ? 'synthetic' : rootAsWritten,
    layout,
    classCounts: Object.fromEntries(classes.map((entry, index) => [entry.name, counts.classes[index] ?? 0])),
    groups: counts.groups,
  }
}

type Outcome = Pick<RunSummary, 'result' | 'evaluations'>

interface Training {
  readonly engine: Engine
  readonly experiment: Experiment
  readonly network: Network
  readonly dataset: PreparedDataset
  readonly folder: RunFolder
  readonly journal: Journal
  readonly listen: Listener
  readonly signal: AbortSignal
}

/** Whatever happens in here, the journal gets its end. A fault is returned, so that tracking can be told of it first. */
async function trainAndEvaluate(training: Training): Promise<Outcome | Fault> {
  const { engine, experiment, network, dataset, folder, journal, listen, signal } = training
  const interrupt = (): void => engine.interrupt()
  signal.addEventListener('abort', interrupt, { once: true })
  const onEvent = (event: TrainingEvent): void => {
    listen({ type: 'training', event })
    if (event.type !== 'progress' && event.type !== 'preparing') void journal.append(event)
  }
  try {
    const result = await engine.train(trainingJob(experiment, network, dataset, folder), onEvent)
    if (result.status === 'interrupted' || signal.aborted) {
      await journal.append({ type: 'run-ended', status: 'interrupted' })
      return { result, evaluations: null }
    }
    listen({ type: 'evaluating' })
    await journal.append({ type: 'test-read', why: 'final evaluation', digest: splitDigest(dataset.manifest, 'test') })
    const outcome = await evaluateRun(engine, experiment, dataset, result)
    const epochs: readonly EpochEnded[] = foldRun(journal.events).committed
    const best = epochs.find(({ epoch }) => epoch === result.selectedEpoch)
    await journal.append({ type: 'evaluated', metrics: finalMetrics(outcome.evaluations, best) })
    for (const path of await writeResults(folder, experiment, network, outcome, epochs)) await journal.append({ type: 'artifact', path })
    await journal.append({ type: 'described', note: describeNote(experiment, dataset, outcome.evaluations) })
    await journal.append({ type: 'run-ended', status: 'finished' })
    return { result, evaluations: outcome.evaluations }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    await journal.append({ type: 'run-ended', status: 'failed', reason })
    if (error instanceof EngineError) return engineFault(error)
    throw error
  } finally {
    signal.removeEventListener('abort', interrupt)
  }
}

function trainingJob(
  experiment: Experiment,
  network: Network,
  { manifest, pack, counts }: PreparedDataset,
  folder: RunFolder,
): TrainingJob {
  const rowsOf = (split: SplitName): Int32Array =>
    Int32Array.from(manifest.rows.flatMap((row, index) => (row.split === split ? [index] : [])))
  return {
    seed: experiment.seed,
    network,
    optimizer: experiment.optimizer,
    augmentation: experiment.augmentation,
    classWeights: classWeightValues(experiment.classWeights, counts.train.classes),
    training: experiment.training,
    evaluationBatchSize: experiment.evaluation.batchSize,
    positive: experiment.dataset.positive,
    pack,
    labels: Int32Array.from(manifest.rows, (row) => row.class),
    splits: { train: rowsOf('train'), validation: rowsOf('validation'), test: rowsOf('test') },
    imageBudget: experiment.runtime.imageBudget,
    checkpoints: folder.checkpoints,
    execution: 'graph',
  }
}
