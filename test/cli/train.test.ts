/** A whole training through the command line, told to the embedded MLflow and read back with MLflow's own client. */
import { createRequire } from 'node:module'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { execa } from 'execa'
import sharp from 'sharp'
import { glob } from 'tinyglobby'
import type * as TensorFlow from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EpochEnded, Recorded } from '../../src/journal/events.ts'
import { ensureMlflow } from '../../src/setup/mlflow.ts'
import { acquireServer, type EmbeddedServer } from '../../src/tracking/embedded-server.ts'
import { readCheckpoint } from '../../src/engine/checkpoint.ts'
import { readBack, type ReadBack } from '../tracking/read-back.ts'
import { makeHome, projectRoot, pythonOfMlflow, readJson, untracked, type Home, type Ran } from '../runner.ts'

/** Runs a command whose input, output and errors are a terminal, unless it sends them elsewhere. */
const onTerminal = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
const peersPython = process.env['RUNNER_PEERS_PYTHON']
const smoke = 'experiments/smoke.yaml'
let home: Home
let ran: Ran

beforeAll(async () => {
  home = await makeHome()
  ran = await home.runner([smoke, '--set', 'training.epochs=40', '--set', 'training.batchSize=20', '--set', 'evaluation.batchSize=32'])
})
afterAll(() => home.remove())

function epochsOf(events: readonly Recorded[]): readonly EpochEnded[] {
  return events.filter((event) => event.type === 'epoch')
}

describe('runner experiments/smoke.yaml', () => {
  it('ends with 0, says loudly that the data are synthetic, and how to see the run', async () => {
    const { folder } = await home.lastRun()
    expect(ran.exitCode).toBe(0)
    expect(ran.stderr).toContain('!! SYNTHETIC DATA')
    expect(ran.stdout).toContain('!! SYNTHETIC DATA')
    expect(ran.stdout).toContain(`runner ui ${folder.id}`)
  })

  it('writes the whole run folder', async () => {
    const { folder, events } = await home.lastRun()
    // What was compiled is there where a device trained.
    const { id: _, executables, ...paths } = folder
    for (const path of Object.values<string>(paths)) expect(existsSync(path), path).toBe(true)
    expect(existsSync(executables)).toBe(false)
    expect(events.at(-1)).toMatchObject({ type: 'run-ended', status: 'finished' })
    expect(events.filter(({ type }) => type === 'test-read')).toHaveLength(1)
    const committed = events.filter(({ type }) => type === 'committed')
    expect(committed).toHaveLength(40)
    for (const name of ['training', 'confusion', 'calibration', 'roc-and-precision-recall'])
      expect((await readFile(join(folder.plots, `${name}.png`))).subarray(1, 4).toString()).toBe('PNG')
  })

  it('is found by MLflow’s own client: finished, with parameters, 40-step histories, inputs, tags and artifacts', async () => {
    const { folder, events } = await home.lastRun()
    const found = await read(folder.id)
    expect(found).toMatchObject({ count: 1, status: 'FINISHED', name: 'smoke' })
    expect(found.params['optimizer.adagrad.learningRate']).toBe('0.01')
    expect(found.params['model.layers']).toContain('separableConv2d')
    expect(found.tags).toMatchObject({ synthetic: 'true', 'runner.run': folder.id, 'mlflow.source.type': 'LOCAL' })
    expect(found.tags['mlflow.note.content']).toContain('SYNTHETIC DATA')
    const epochs = epochsOf(events)
    for (const metric of ['train/loss', 'val/loss', 'val/accuracy', 'train/learning_rate']) {
      const expected = epochs.map(({ epoch, metrics }) => [epoch, Number((metrics[metric] ?? NaN).toPrecision(7))])
      expect(found.histories[metric]).toEqual(expected)
    }
    expect(found.histories['test/roc_auc']).toHaveLength(1)
    expect(found.histories['test/roc_auc']?.[0]?.[0]).toBe(0)
    expect(found.inputs.map(([name, , context]) => [name, ...context]).sort()).toEqual([
      ['smoke-synthetic-testing', 'testing'],
      ['smoke-synthetic-training', 'training'],
      ['smoke-synthetic-validation', 'validation'],
    ])
    for (const file of ['split.csv', 'predictions.csv', 'plots/training.png', 'experiment.yaml']) expect(found.files).toContain(file)
  })

  it('is in MLflow’s grid of images and among its tables, which its own client loads', async () => {
    const { folder, events } = await home.lastRun()
    const found = await read(folder.id)
    expect(found.tags['mlflow.loggedImages']).toBe('True')
    for (const key of ['training', 'test~confusion', 'test~what the calls rest on', 'test~most certain errors']) {
      const files = found.files.filter((file) => file.startsWith(`images/${key}+`))
      const ends = files.map((file) => file.replace(/^.*\+step\+0\+timestamp\+\d{13}\+r[0-9a-f]{31}/, ''))
      expect(ends.sort(), key).toEqual(['+compressed.webp', '.png'])
    }
    expect(found.files.filter((file) => file.startsWith('images/slide maps~'))).toHaveLength(4)
    const auc = events.findLast((event) => event.type === 'evaluated')?.metrics['test/roc_auc'] ?? NaN
    const { columns = [], rows = [] } = found.tables['tables/metrics.json'] ?? {}
    expect(columns).toEqual(['metric', 'test', 'test, 95 %', 'validation', 'validation, 95 %'])
    const [, value, range] = rows.find(([metric]) => metric === 'roc_auc') ?? []
    expect(value).toBeCloseTo(auc, 4)
    expect(range).toMatch(/^0\.\d{3} to [01]\.\d{3}$/)
    expect(Object.keys(found.tables).sort()).toEqual(['errors', 'groups', 'metrics', 'occlusion'].map((name) => `tables/${name}.json`))
    for (const [, patch] of found.tables['tables/errors.json']?.rows ?? [])
      expect(found.files).toContain((patch as { readonly filepath: string }).filepath)
  })

  it('is one logged model in MLflow, whose numbers name the images that they were measured on', async () => {
    const { folder, events } = await home.lastRun()
    const { models, files, tags } = await read(folder.id)
    const evaluated = events.findLast((event) => event.type === 'evaluated')?.metrics ?? {}
    expect(models).toHaveLength(1)
    expect(models[0]).toMatchObject({ name: 'smoke', status: 'READY', step: evaluated['best/epoch'] })
    expect(tags['mlflow.note.content']).toContain('SYNTHETIC DATA')
    expect(models[0]?.tags).toMatchObject({ synthetic: 'true', 'mlflow.note.content': tags['mlflow.note.content'] })
    expect(models[0]?.metrics['test/roc_auc']?.[0]).toBeCloseTo(evaluated['test/roc_auc'] ?? NaN, 6)
    expect(models[0]?.metrics['test/roc_auc']?.[1]).toBe('smoke-synthetic-testing')
    expect(models[0]?.metrics['best/roc_auc']?.[1]).toBe('smoke-synthetic-validation')
    for (const file of ['MLmodel', 'MODEL_CARD.md', 'model.json', 'weights.bin', 'saved-model/saved_model.pb'])
      expect(models[0]?.files).toContain(file)
    expect(files.filter((file) => file.startsWith('model/'))).toEqual([])
  })

  it('tells nothing twice when it is told again', async () => {
    const { folder } = await home.lastRun()
    const before = await read(folder.id)
    const again = await home.runner(['sync'])
    expect(again.exitCode).toBe(0)
    expect(again.stdout).toContain(folder.id)
    const after = await read(folder.id)
    const withoutFolders = ({ models, ...run }: ReadBack) => ({
      ...run,
      downloaded: '',
      models: models.map((model) => ({ ...model, downloaded: '' })),
    })
    expect(withoutFolders(after)).toEqual(withoutFolders(before))
  })

  it('leaves no server behind when its last user ends', async () => {
    await server?.release()
    server = null
    expect(existsSync(join(home.path, 'runs/mlflow/server.json'))).toBe(false)
  })

  it('downloads a model that stock tfjs loads and that predicts what predictions.csv says', async () => {
    const { folder } = await home.lastRun()
    const found = await read(folder.id, false)
    const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as typeof TensorFlow
    const model = await tf.loadLayersModel(await fromFolder(found.models[0]?.downloaded ?? ''))
    const records: Record<string, string>[] = parse(await readFile(folder.predictions), { columns: true })
    const root = join(home.path, 'datasets', await onlySynthetic(home.path))
    const { decodeImage } = await import('../../src/dataset/decode.ts')
    for (const record of records.slice(0, 12)) {
      const decoded = await decodeImage(await readFile(join(root, record['path'] ?? '')), { width: 24, height: 24, channels: 3 })
      if ('reason' in decoded) throw new Error(decoded.reason)
      const x = tf.tensor(
        Float32Array.from(decoded.pixels, (value) => value / 255),
        [1, 24, 24, 3],
      )
      const [benign, malignant] = (model.predict(x) as TensorFlow.Tensor).dataSync()
      expect(benign).toBeCloseTo(Number(record['p_benign']), 4)
      expect(malignant).toBeCloseTo(Number(record['p_malignant']), 4)
    }
    await rm(found.downloaded, { recursive: true, force: true })
  })

  it('predicts images of a folder as it judged its own, reports what is no image, and goes on', async () => {
    const { folder } = await home.lastRun()
    const root = join(home.path, 'datasets', await onlySynthetic(home.path))
    const [broken, told] = [join(home.path, 'broken.png'), join(home.path, 'told.csv')]
    await writeFile(broken, 'no image')
    const { exitCode, stderr } = await home.runner(['predict', folder.id, broken, root, '--to', told])
    expect(exitCode).toBe(1)
    expect(stderr).toContain(`error  data-unreadable\n  ${broken}: it is no image`)
    const read = async (file: string): Promise<Record<string, string>[]> => parse(await readFile(file), { columns: true })
    const predicted = new Map((await read(told)).map((record) => [record['path'], record]))
    expect(predicted.size).toBe(96)
    const judged = await read(folder.predictions)
    expect(judged.length).toBeGreaterThan(20)
    for (const { path = '', p_malignant } of judged)
      expect(Number(predicted.get(join(root, path))?.['p_malignant'])).toBeCloseTo(Number(p_malignant), 6)
    const [one] = judged
    const image = join(root, one?.['path'] ?? '')
    const line = await home.runner(['predict', folder.id, image.replace(/.png$/, '*.{png,tif}'), '--format', 'jsonl'])
    expect(line.exitCode).toBe(0)
    expect(line.stderr).not.toContain('threshold-unknown')
    expect(JSON.parse(line.stdout)).toMatchObject({
      path: join(root, one?.['path'] ?? ''),
      probabilities: { benign: expect.any(Number) as number },
    })
  })

  it('says on a terminal how far it is, how fast and how long it will take, and nothing of that among the results', async () => {
    const { folder } = await home.lastRun()
    const root = join(home.path, 'datasets', await onlySynthetic(home.path))
    const results = join(home.path, 'results')
    const predictOnTerminal = async (format: string) => {
      const command = `stty cols 120; exec node bootstrap/main.mjs predict ${folder.id} "${root}" --format ${format} > "${results}"`
      const environment = { RUNNER_HOME: home.path, NO_COLOR: '1', TERM: 'xterm' }
      const { stdout } = await execa(pythonOfMlflow, ['-c', onTerminal, 'sh', '-c', command], {
        cwd: projectRoot,
        env: environment,
        stdin: 'ignore',
      })
      return { said: stdout, told: await readFile(results, 'utf8') }
    }
    const { said, told } = await predictOnTerminal('csv')
    expect(said).toMatch(/predicting {2}━+─+ {2}64\/96 {3}[\d,]+\/s {3}\d+(\.\d)? s left/)
    expect(said).toContain('✓ predicting: 96')
    const [heading, ...lines] = told.trimEnd().split('\n')
    expect(heading).toBe('path,predicted,p_benign,p_malignant')
    expect(lines).toHaveLength(96)
    expect(lines.filter((line) => !/^\S+\.png,(benign|malignant),[\de.-]+,[\de.-]+$/.test(line))).toEqual([])
    const asLines = (await predictOnTerminal('jsonl')).told.trimEnd().split('\n')
    expect(asLines.map((line) => Object.keys(JSON.parse(line) as object))).toEqual(
      Array.from({ length: 96 }, () => ['path', 'predicted', 'threshold', 'probabilities']),
    )
  })

  it('draws what it predicts where the names say that the patches lay: by patient, or by folder', async () => {
    const { folder } = await home.lastRun()
    const root = join(home.path, 'datasets', await onlySynthetic(home.path))
    const [maps, flat, flatMaps] = [join(home.path, 'maps'), join(home.path, 'flat slide'), join(home.path, 'flat maps')]
    const { exitCode } = await home.runner(['predict', folder.id, root, '--to', join(home.path, 'any.csv'), '--slide-maps', maps])
    expect(exitCode).toBe(0)
    const patients = (await readdir(root)).length
    expect((await readdir(maps)).filter((name) => name.endsWith('.png'))).toHaveLength(patients)
    expect((await readFile(join(maps, 'index.html'), 'utf8')).match(/alt="Slide map of /g)).toHaveLength(patients)
    const [one] = await glob('**/*.png', { cwd: root, absolute: true })
    await mkdir(flat)
    await copyFile(one ?? '', join(flat, basename(one ?? '')))
    const again = await home.runner(['predict', folder.id, flat, '--slide-maps', flatMaps])
    expect({ exitCode: again.exitCode, maps: await readdir(flatMaps) }).toEqual({
      exitCode: 0,
      maps: [expect.stringMatching(/^001-.*flat-slide\.png$/), 'index.html'],
    })
  })
})

describe('runner evaluate', () => {
  it('comes to the run’s own numbers again, and counts that its test images were read', async () => {
    const { folder, events } = await home.lastRun()
    const { exitCode, stdout } = await home.runner(['evaluate', folder.id, '--format', 'json'])
    expect(exitCode).toBe(0)
    const { evaluation, testReadings } = JSON.parse(stdout) as { evaluation: { metrics: Record<string, number> }; testReadings: number }
    const told = events.findLast((event) => event.type === 'evaluated')?.metrics ?? {}
    for (const [name, value] of Object.entries(evaluation.metrics)) expect(value, name).toBeCloseTo(told[`test/${name}`] ?? NaN, 6)
    expect(testReadings).toBe(2)
    const reported = await home.runner(['report', folder.id])
    expect(reported.exitCode).toBe(0)
    expect((await readFile(folder.report, 'utf8')).replace(/\s+/g, ' ')).toContain('read 2 times by now')
  })

  it('refuses data that hold a patient or an image it was trained on, and takes those that do not', async () => {
    const { folder, events } = await home.lastRun()
    const root = join(home.path, 'datasets', await onlySynthetic(home.path))
    const own = await home.runner(['evaluate', folder.id, '--data', root])
    expect(own.exitCode).toBe(1)
    expect(own.stderr).toMatch(/evaluation-leak\n.* of the groups: /)
    expect(own.stderr).toContain('byte for byte')
    // Strangers: other names, and each patch in the mirror.
    const others = join(home.path, 'others')
    for (const path of await glob('**/*.png', { cwd: root })) {
      await mkdir(join(others, `other ${dirname(path)}`), { recursive: true })
      await sharp(join(root, path))
        .flop()
        .toFile(join(others, `other ${path}`))
    }
    const { exitCode, stdout } = await home.runner(['evaluate', folder.id, '--data', others, '--format', 'json'])
    expect(exitCode).toBe(0)
    const judged = JSON.parse(stdout) as { evaluation: { threshold: number } }
    expect(judged).toMatchObject({ images: 96, groups: 8, testReadings: null })
    expect(judged.evaluation.threshold).toBe(events.findLast((event) => event.type === 'evaluated')?.metrics['test/threshold'])
  })
})

describe('runner export', () => {
  const pixels = async (): Promise<Uint8Array> => {
    const { folder } = await home.lastRun()
    const { decodeImage } = await import('../../src/dataset/decode.ts')
    const root = join(home.path, 'datasets', await onlySynthetic(home.path))
    const records: Record<string, string>[] = parse(await readFile(folder.predictions), { columns: true })
    const images = records.map(async ({ path = '' }) =>
      decodeImage(await readFile(join(root, path)), { width: 24, height: 24, channels: 3 }),
    )
    return Buffer.concat((await Promise.all(images)).map((image) => ('reason' in image ? new Uint8Array() : image.pixels)))
  }

  it('writes what its reader has to know, and both forms', async () => {
    const { folder, events } = await home.lastRun()
    const [tfjs, savedModel] = [join(home.path, 'as-tfjs'), join(home.path, 'as-saved-model')]
    expect(await home.runner(['export', folder.id, '--to', tfjs, '--format', 'tfjs'])).toMatchObject({ exitCode: 0 })
    expect(await home.runner(['export', folder.id, '--to', savedModel])).toMatchObject({ exitCode: 0 })
    for (const [path, name] of [
      [tfjs, 'weights.bin'],
      [savedModel, 'saved_model.pb'],
    ] as const) {
      const kept = join(folder.model, name === 'weights.bin' ? name : `saved-model/${name}`)
      expect((await readFile(join(path, name))).equals(await readFile(kept))).toBe(true)
    }
    const training = events.find((event) => event.type === 'dataset' && event.context === 'training')
    expect(await readJson(join(savedModel, 'preprocessing.json'))).toMatchObject({
      classes: ['benign', 'malignant'],
      positive: 'malignant',
      threshold: events.findLast((event) => event.type === 'evaluated')?.metrics['test/threshold'],
      image: { width: 24, height: 24, channels: 3 },
      data: { training: { digest: training?.type === 'dataset' ? training.digest : '' } },
    })
    expect(await readFile(join(savedModel, 'MODEL_CARD.md'), 'utf8')).toContain('synthetic data')
    expect(await home.runner(['export', folder.id, '--to', tfjs])).toMatchObject({ exitCode: 2 })
  })

  it('gives MLflow’s pyfunc a model that predicts what predictions.csv says', async ({ skip }) => {
    skip(peersPython === undefined, 'no Python with TensorFlow is named (RUNNER_PEERS_PYTHON)')
    const { folder } = await home.lastRun()
    const images = join(home.path, 'pixels.bin')
    await writeFile(images, await pixels())
    const { stdout: libraries } = await execa(peersPython ?? '', ['-c', 'import sysconfig; print(sysconfig.get_paths()["purelib"])'])
    const env = { PYTHONPATH: libraries, MLFLOW_DISABLE_TELEMETRY: 'true' }
    const { stdout } = await execa(pythonOfMlflow, ['test/cli/predict_pyfunc.py', folder.model, images, '24', '24', '3'], {
      cwd: projectRoot,
      env,
    })
    const predicted = JSON.parse(stdout.split('\n').at(-1) ?? '') as readonly (readonly number[])[]
    const records: Record<string, string>[] = parse(await readFile(folder.predictions), { columns: true })
    expect(predicted).toHaveLength(records.length)
    for (const [row, record] of records.entries())
      expect(Math.abs((predicted[row]?.[1] ?? NaN) - Number(record['p_malignant']))).toBeLessThan(1e-5)
  })
})

describe('the same seed', () => {
  it('gives the same metrics and the same weights in another process, and another seed others', async () => {
    const train = async (seed: number) => {
      const other = await makeHome()
      const { exitCode, stderr } = await other.runner([smoke, ...untracked, '--set', `seed=${seed}`, '--quiet'])
      expect(exitCode, stderr).toBe(0)
      const { folder, events } = await other.lastRun()
      const { tensors } = await readCheckpoint(folder.checkpoints, 'last')
      const weights = Buffer.concat(
        [...tensors.values()].map((values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
      )
      const metrics = epochsOf(events).map((event) => event.metrics)
      const final = events.find((event) => event.type === 'evaluated')?.metrics
      await other.remove()
      return { metrics, final, weights: weights.toString('base64') }
    }
    const [first, second, third] = [await train(11), await train(11), await train(12)]
    expect(second).toEqual(first)
    expect(third.weights).not.toBe(first.weights)
    expect(third.metrics).not.toEqual(first.metrics)
  })
})

it('prints its events as JSON lines with --json, and nothing else on stdout', async () => {
  const other = await makeHome()
  const { exitCode, stdout } = await other.runner([smoke, ...untracked, '--json'])
  const types = stdout.split('\n').map((line) => (JSON.parse(line) as Recorded).type)
  expect(exitCode).toBe(0)
  expect(types[0]).toBe('run-started')
  expect(types.at(-1)).toBe('run-ended')
  await other.remove()
})

let server: EmbeddedServer | null = null
afterAll(() => server?.release())

async function read(run: string, isTidy = true): Promise<ReadBack> {
  const mlflow = await ensureMlflow({ projectRoot, environment: process.env, report: () => undefined })
  if (!mlflow.value) throw new Error('no MLflow')
  server ??= await acquireServer({ folder: join(home.path, 'runs/mlflow'), python: mlflow.value.python, environment: process.env })
  const folder = await mkdtemp(join(tmpdir(), 'runner-download-'))
  const found = await readBack(server.uri, run, folder)
  if (isTidy) await rm(folder, { recursive: true, force: true })
  return found
}

async function onlySynthetic(path: string): Promise<string> {
  const { readdir } = await import('node:fs/promises')
  const [name] = (await readdir(join(path, 'datasets'))).filter((entry) => entry.startsWith('synthetic-'))
  return name ?? ''
}

/** What tfjs-node's file handler would read; tfjs alone has none for files. */
async function fromFolder(folder: string): Promise<TensorFlow.io.IOHandler> {
  const { modelTopology, weightsManifest } = (await readJson(join(folder, 'model.json'))) as {
    modelTopology: object
    weightsManifest: { weights: TensorFlow.io.WeightsManifestEntry[] }[]
  }
  const bytes = await readFile(join(folder, 'weights.bin'))
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  return { load: () => Promise.resolve({ modelTopology, weightSpecs: weightsManifest.flatMap(({ weights }) => weights), weightData }) }
}
