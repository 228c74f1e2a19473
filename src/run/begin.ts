/** The beginning of a run: its folder, what it was made from, and a journal that says so. */
import { copyFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { renderAudit } from '../dataset/audit.ts'
import { splitDigest, writeManifest } from '../dataset/manifest-csv.ts'
import { splitNames, type SplitName } from '../dataset/manifest.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import { foldOf, type Experiment } from '../experiment/experiment.ts'
import { flattenParameters } from '../experiment/flatten-parameters.ts'
import { resolvedYaml } from '../experiment/resolved-yaml.ts'
import type { DatasetContext, DatasetUsed, EngineStarted } from '../journal/events.ts'
import { openJournal, type Journal } from '../journal/journal.ts'
import { createRunFolder, experimentFolder, type RunFolder } from '../journal/run-folder.ts'
import type { Network } from '../network/plan.ts'
import { renderWholePlan } from './plan.ts'
import { sweepTag, variantTag } from '../tracking/projection.ts'
import { commitTags, describeEnvironment, findCommit, userTag } from './provenance.ts'
import type { Listener } from './story.ts'
import { runsOf, type Workspace } from './workspace.ts'

/** What a run is in a sweep. */
export interface Trial {
  /** The sweep's folder, in which the trial's lies. */
  readonly sweep: RunFolder
  /** The point's name, and that of all its repeats. */
  readonly name: string
  readonly variant: string
  /** Of everything that decides the point's numbers. */
  readonly point: string
  /** The sweep's own values, by the axes' names. */
  readonly axes: Readonly<Record<string, string>>
  /** The images on which it is judged: only where the user asks for it the test images. */
  readonly judgedOn: 'validation' | 'test'
}

export interface RunMaterials {
  /** As the user named it, relative to the working folder. */
  readonly file: string
  readonly experiment: Experiment
  readonly network: Network
  readonly dataset: PreparedDataset
  readonly engine: EngineStarted
  readonly trial?: Trial
}

export interface BegunRun {
  readonly folder: RunFolder
  readonly journal: Journal
}

/** The files of a run that are there before its first step. */
const inputs = ['experiment.yaml', 'resolved.yaml', 'plan.txt', 'environment.json', 'split.csv', 'audit.txt'] as const

export async function beginRun(materials: RunMaterials, workspace: Workspace, listen: Listener): Promise<BegunRun> {
  const { experiment, dataset, engine, trial } = materials
  const name = trial?.name ?? experiment.name
  const folder = trial
    ? await createRunFolder(dirname(trial.sweep.path), trial.sweep.id, name, workspace.now())
    : await createRunFolder(runsOf(workspace), experimentFolder(experiment.tracking.experiment), name, workspace.now())
  const commit = await findCommit(workspace.projectRoot)
  await writeInputs(folder, resolve(workspace.cwd, materials.file), materials)
  await writeFile(folder.environment, await describeEnvironment(engine, commit, workspace.projectRoot))

  const journal = await openJournal(folder.journal, { now: workspace.now, onEvent: (event) => listen({ type: 'journal', event }) })
  await journal.append({
    type: 'run-started',
    version: 1,
    run: folder.id,
    name,
    experiment: experiment.tracking.experiment,
    seed: experiment.seed,
    epochs: experiment.training.epochs,
    tags: {
      ...commitTags(commit),
      ...userTag(),
      ...experiment.tracking.tags,
      ...honestyTags(dataset),
      ...foldTag(experiment),
      ...trialTags(trial),
    },
  })
  await journal.append({ type: 'parameters', values: flattenParameters(experiment) })
  // Beside what was resolved, the sweep's own words: MLflow's comparison shows the parameters that differ.
  if (trial) await journal.append({ type: 'parameters', values: prefixed('sweep', trial.axes) })
  for (const split of splitNames) await journal.append(datasetEvent(split, experiment, dataset))
  await journal.append(engine)
  for (const path of inputs) await journal.append({ type: 'artifact', path })
  return { folder, journal }
}

/** In the order in which a reader asks. */
async function writeInputs(folder: RunFolder, file: string, { experiment, network, dataset }: RunMaterials): Promise<void> {
  await copyFile(file, folder.experiment)
  await writeFile(folder.resolved, resolvedYaml(experiment, folder.path))
  await writeFile(folder.plan, `${renderWholePlan({ experiment, network, dataset })}\n`)
  await writeFile(folder.split, writeManifest(dataset.manifest.rows))
  await writeFile(folder.audit, renderAudit(dataset.audit, experiment.dataset))
}

/** What must never be forgotten about a run's data. */
function honestyTags({ isSynthetic, leakage }: PreparedDataset): Record<string, string> {
  return { ...(isSynthetic ? { synthetic: 'true' } : {}), ...(leakage === null ? {} : { leakage }) }
}

function foldTag(experiment: Experiment): Record<string, string> {
  const fold = foldOf(experiment)
  return fold ? { fold: `${fold.number} of ${fold.of}` } : {}
}

/** By which a trial is found again, whoever began it. */
export const trialTag = { sweep: sweepTag, variant: variantTag, point: 'runner.point', judgedOn: 'runner.judgedOn' } as const

function trialTags(trial: Trial | undefined): Record<string, string> {
  if (!trial) return {}
  return {
    [trialTag.sweep]: trial.sweep.id,
    [trialTag.variant]: trial.variant,
    [trialTag.point]: trial.point,
    [trialTag.judgedOn]: trial.judgedOn,
    ...prefixed('axis', trial.axes),
  }
}

function prefixed(prefix: string, values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]))
}

const contexts: Readonly<Record<SplitName, DatasetContext>> = { train: 'training', validation: 'validation', test: 'testing' }

function datasetEvent(
  split: SplitName,
  { dataset: { classes, rootAsWritten, layout }, name }: Experiment,
  { counts, isSynthetic, manifest }: PreparedDataset,
): DatasetUsed {
  const { classes: images, groups } = counts[split]
  return {
    type: 'dataset',
    context: contexts[split],
    name: isSynthetic ? `${name}-synthetic` : name,
    digest: splitDigest(manifest, split),
    source: isSynthetic ? 'synthetic' : rootAsWritten,
    layout,
    classCounts: Object.fromEntries(classes.map((entry, index) => [entry.name, images[index] ?? 0])),
    groups,
  }
}
