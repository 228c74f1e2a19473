/** `model/`: the selected weights in three forms, and what a reader of that folder alone has to know, filled from the run's own record. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { readCheckpoint } from '../engine/checkpoint.ts'
import { EngineError, type Engine } from '../engine/engine.ts'
import { caveatSentence } from '../evaluation/comparison-sentences.ts'
import { describeRule } from '../evaluation/threshold.ts'
import type { Experiment } from '../experiment/experiment.ts'
import type { Recorded } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import type { Network } from '../network/plan.ts'
import { tfjsModel } from '../network/tfjs-model.ts'
import { engineFault } from './prepare.ts'

export interface ModelSource {
  readonly folder: RunFolder
  readonly events: readonly Recorded[]
  readonly experiment: Experiment
  readonly network: Network
  /** From which probability the positive class is called; null where the most probable class decides. */
  readonly threshold: number | null
}

export type ModelFormat = 'tfjs' | 'saved-model'

/** Folder of the SavedModel in `model/`; the tfjs model lies beside it. */
const savedModelFolder = 'saved-model'
/** Folder of the Python that loads it. */
const codeFolder = 'code'

/** Everything, with what `mlflow.pyfunc.load_model` needs. Rejects with `EngineError`. */
export async function writeModelFolder(source: ModelSource, engine: Engine): Promise<void> {
  const { folder, network } = source
  const code = join(folder.model, codeFolder)
  await mkdir(code, { recursive: true })
  await writeTfjs(source, folder.model)
  await engine.writeSavedModel({ network, checkpoints: folder.checkpoints, folder: join(folder.model, savedModelFolder) })
  await copyFile(fileURLToPath(new URL(`../../python/${loader}.py`, import.meta.url)), join(code, `${loader}.py`))
  await writeFile(join(folder.model, 'requirements.txt'), `tensorflow>=2.16\nnumpy\n`)
  await writeFile(join(folder.model, 'MLmodel'), mlmodel(source))
  await writeFacts(source, folder.model)
}

/** One of the forms and the facts, for somebody else's program. Throws `Fault` where the engine cannot. */
export async function exportModel(source: ModelSource, to: string, format: ModelFormat, start: () => Promise<Engine>): Promise<void> {
  await mkdir(to, { recursive: true })
  if (format === 'tfjs') await writeTfjs(source, to)
  else {
    const engine = await start()
    try {
      await engine.writeSavedModel({ network: source.network, checkpoints: source.folder.checkpoints, folder: to })
    } catch (error) {
      throw error instanceof EngineError ? engineFault(error) : error
    } finally {
      await engine.stop()
    }
  }
  await writeFacts(source, to)
}

async function writeTfjs({ folder, experiment, network, ...source }: ModelSource, to: string): Promise<void> {
  const { tensors } = await readCheckpoint(folder.checkpoints, 'best')
  const weights = network.parameters.map(({ name }) => tensors.get(name) ?? new Float32Array())
  const bytes = weights.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength))
  await writeFile(join(to, 'weights.bin'), Buffer.concat(bytes))
  const userDefinedMetadata = preprocessing({ folder, experiment, network, ...source })
  await writeFile(join(to, 'model.json'), asJson({ ...tfjsModel(network, experiment.name), userDefinedMetadata }))
}

async function writeFacts(source: ModelSource, to: string): Promise<void> {
  await writeFile(join(to, 'preprocessing.json'), asJson(preprocessing(source)))
  await writeFile(join(to, 'MODEL_CARD.md'), modelCard(source))
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/** What a program has to do to an image before the model sees it, and with the numbers behind it. */
function preprocessing({ folder, events, experiment: { dataset }, network, threshold }: ModelSource): Record<string, unknown> {
  const { width, height, channels } = dataset.image
  const used = events.filter((event) => event.type === 'dataset')
  return {
    version: 1,
    run: folder.id,
    epoch: selectedEpoch(events),
    classes: dataset.classes.map(({ name }) => name),
    positive: dataset.positive === null ? null : dataset.classes[dataset.positive]?.name,
    threshold,
    image: {
      width,
      height,
      channels,
      order: channels === 3 ? 'red, green, blue' : 'grey',
      resize: 'bilinear, where an image has another size',
    },
    input: {
      tfjs: `float32 [batch, ${height}, ${width}, ${channels}], pixels divided by 255`,
      savedModel: `uint8 [batch, ${height}, ${width}, ${channels}], pixels 0 to 255; the model divides`,
    },
    output: {
      tfjs:
        network.head === 'softmax'
          ? `probabilities [batch, ${network.classes}] in the order of classes`
          : 'probability [batch, 1] of the second class',
      savedModel: `probabilities [batch, ${network.classes}] in the order of classes`,
    },
    data: Object.fromEntries(
      used.map(({ context, name, digest, classCounts, groups }) => [context, { name, digest, images: classCounts, groups }]),
    ),
  }
}

function selectedEpoch(events: readonly Recorded[]): number | null {
  return events.findLast((event) => event.type === 'evaluated')?.metrics['best/epoch'] ?? null
}

const loader = 'runner_model'

/** As MLflow reads it (mlflow.models.Model): the flavour python_function, with a loader that lies in the model itself. */
function mlmodel({ folder, events, network }: ModelSource): string {
  const tensor = (dtype: string, shape: readonly number[]): string =>
    JSON.stringify([{ type: 'tensor', 'tensor-spec': { dtype, shape: [-1, ...shape] } }])
  return stringify({
    artifact_path: 'model',
    flavors: { python_function: { loader_module: loader, code: codeFolder, data: savedModelFolder } },
    metadata: { run: folder.id },
    signature: { inputs: tensor('uint8', network.inputShape), outputs: tensor('float32', [network.classes]), params: null },
    utc_time_created: new Date(events.at(-1)?.at ?? 0).toISOString().replace('T', ' ').replace('Z', ''),
  })
}

/** After Mitchell et al., Model Cards for Model Reporting (2019), as far as a run knows. */
function modelCard({ folder, events, experiment, network, threshold }: ModelSource): string {
  const { dataset, name, description } = experiment
  const tags = foldRun(events).started?.tags ?? {}
  const caveats = ['synthetic', 'leakage'].filter((tag) => tags[tag] !== undefined).map((tag) => `**${caveatSentence(tag)}**`)
  const data = events.flatMap((event) => (event.type === 'dataset' ? [event] : []))
  const metrics = Object.entries(events.findLast((event) => event.type === 'evaluated')?.metrics ?? {}).filter(
    ([metric]) => metric !== 'best/epoch',
  )
  const positive = dataset.positive === null ? undefined : dataset.classes[dataset.positive]?.name
  const { width, height, channels } = dataset.image
  const decides =
    positive === undefined || threshold === null
      ? 'The most probable class is called.'
      : `${positive} is called from a probability of ${threshold.toFixed(3)} on, a threshold chosen ${describeRule(experiment.evaluation.threshold)}.`
  return [
    `# ${name}`,
    '',
    ...caveats.flatMap((caveat) => [caveat, '']),
    ...(description === '' ? [] : [description, '']),
    `An image of ${width} x ${height} pixels and ${channels} channels is one of: ${dataset.classes.map((entry) => entry.name).join(', ')}. ${decides}`,
    `The network has ${network.parameters.length} tensors with ${network.trainable + network.nonTrainable} numbers; its weights are those of epoch ${selectedEpoch(events) ?? 'unknown'} of run \`${folder.id}\`.`,
    'Research software: not a medical device.',
    '',
    '## Data',
    '',
    '| split | images | groups | digest |',
    '|---|---|---|---|',
    ...data.map(({ context, classCounts, groups, digest }) => `| ${context} | ${counts(classCounts)} | ${groups} | \`${digest}\` |`),
    '',
    `Source: ${data[0]?.source ?? 'unknown'}, split ${howSplit(experiment)}.`,
    '',
    '## Numbers',
    '',
    "On the images of the validation (best) and test splits; intervals stand in the run's report.html.",
    '',
    '| metric | value |',
    '|---|---|',
    ...metrics.map(([metric, value]) => `| ${metric} | ${Number(value.toPrecision(4))} |`),
    '',
    '## Use',
    '',
    '`preprocessing.json` says for programs what goes in and what comes out.',
    '',
    '    mlflow.pyfunc.load_model(FOLDER).predict(images)      # Python with TensorFlow; uint8 [n, height, width, channels]',
    "    tf.loadLayersModel('FOLDER/model.json')               // tfjs; float32, pixels divided by 255",
    `    ./runner predict ${folder.id} IMAGES…`,
    '',
  ].join('\n')
}

function howSplit({ split }: Experiment): string {
  if (split.kind !== 'draw') return 'as given'
  return `by ${split.by}${split.fold ? `, fold ${split.fold.number} of ${split.fold.of} for validation` : ''}`
}

function counts(classCounts: Readonly<Record<string, number>>): string {
  return Object.entries(classCounts)
    .map(([name, images]) => `${images} ${name}`)
    .join(', ')
}
