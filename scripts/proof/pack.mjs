/**
 * Packs .proof/, everything that scripts/gpu-proof needs on a machine without Node, TensorFlow and a network:
 *
 *   node.xz          this machine's Node, stripped
 *   runtime.tar.xz   dist/, the packages that the engine loads without TensorFlow, the addon, every program of the proof as StableHLO, and
 *                    what TensorFlow's CPU engine computed, to compare with
 *   images.tar       real patches of whole patients, as lossless WebP
 *   manifest.json    commit, versions, hashes, who is in which split; the CPU's results on the same images
 *
 * usage: scripts/proof/pack [--idc FOLDER] [--images MIB] [--into .proof] [--work FOLDER] [--reference] [--no-bytes]
 *
 * --idc is the folder of patients (else $IDC_ROOT). --reference trains the baseline on the chosen images on this machine's CPU first, the
 * proof's seeds one after the other: minutes for each. Results are kept in the work folder, for the same images, split and seeds. The bytes that a step moves on the card are counted by compiling for its description (scripts/aot; seconds for each program).
 */
import { createHash } from 'node:crypto'
import { execFile } from 'node:child_process'
import { cp, copyFile, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { prepareOrExplain } from '../../bootstrap/prepare.mjs'

const execute = promisify(execFile)
const { values: options } = parseArgs({
  options: {
    idc: { type: 'string', default: process.env.IDC_ROOT },
    images: { type: 'string', default: '28' },
    into: { type: 'string' },
    work: { type: 'string', default: join(tmpdir(), 'runner-proof') },
    seeds: { type: 'string', default: '7,8,9' },
    epochs: { type: 'string', default: '40' },
    batches: { type: 'string', default: '32,128,512' },
    precisions: { type: 'string', default: 'float32,tf32,bfloat16' },
    reference: { type: 'boolean', default: false },
    'no-bytes': { type: 'boolean', default: false },
  },
})
if (options.idc === undefined) throw new Error('--idc (or IDC_ROOT) names no folder of real patches')
if (!(await prepareOrExplain({ allowTypeErrors: false }))) process.exit(1)

const { projectRoot, cpuEnvironment } = await import('../../benchmarks/training.mjs')
const { baseline, choosePatients, columns, patientsOf, prepareBaseline } = await import('./images.mjs')
const { dist, encodeJob } = await import('./job.mjs')

/** A call of the tool that carries it takes 64 MiB with the checkout's own files, which are below 8. */
const mostBytes = 56 * 2 ** 20
const into = resolve(options.into ?? join(projectRoot, '.proof'))
const work = resolve(options.work)
const stage = join(work, 'runtime')
const cache = join(work, 'cache')
const say = (line) => console.error(line)
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

await mkdir(cache, { recursive: true })
const { chosen, job, dataset, experiment } = await chooseImages()
const packPath = dataset.pack.path
await stageRuntime()
const texts = await lowerPrograms()
const bytes = options['no-bytes'] ? {} : await countBytes(texts)
const cpu = await trainOnCpu()
await writeParts()

/** The patients' pictures and files, and the job of training on them. */
async function chooseImages() {
  const subset = join(work, 'subset')
  const counted = { root: resolve(options.idc), subset, pictures: join(work, 'images'), cache, mostBytes: Number(options.images) * 2 ** 20 }
  const { chosen } = await choosePatients({ ...counted, report: say })
  const { located, dataset } = await prepareBaseline(subset, join(cache, 'packs'), [`split.seed=${splitSeed()}`])
  const { experiment } = located
  const { classWeightValues } = await dist('network/class-weights.js')
  const { planNetwork } = await dist('network/plan-network.js')
  const { manifest, pack, counts } = dataset
  const rowsOf = (name) => manifest.rows.flatMap((row, index) => (row.split === name ? [index] : []))
  const job = {
    seed: Number(splitSeed()),
    network: planNetwork(located).value,
    loss: experiment.loss,
    optimizer: experiment.optimizer,
    augmentation: experiment.augmentation,
    classWeights: classWeightValues(experiment.classWeights, counts.train.classes),
    training: { ...experiment.training, epochs: Number(options.epochs) },
    evaluationBatchSize: experiment.evaluation.batchSize,
    positive: experiment.dataset.positive,
    pack,
    labels: manifest.rows.map((row) => row.class),
    splits: { train: rowsOf('train'), validation: rowsOf('validation'), test: rowsOf('test') },
    imageBudget: experiment.runtime.imageBudget,
  }
  return { chosen, job, dataset, experiment }
}

/** One split for all seeds. */
function splitSeed() {
  return options.seeds.split(',')[0]
}

/** This build, beside links to what it loads here; the packages that travel replace the links later. */
async function stageRuntime() {
  await rm(stage, { recursive: true, force: true })
  await mkdir(join(stage, 'proof/reference'), { recursive: true })
  await cp(join(projectRoot, 'dist'), join(stage, 'dist'), { recursive: true, filter: (path) => !/\.(map|d\.ts)$/.test(path) })
  await symlink(join(projectRoot, 'node_modules'), join(stage, 'node_modules'))
  await copyFile(join(projectRoot, 'package.json'), join(stage, 'package.json'))
  await writeFile(join(stage, 'proof/job.json'), encodeJob(job))
}

/** Programs and reference, each by a process of its own: one traces with TensorFlow's operations, the other computes with ours. */
async function lowerPrograms() {
  const environment = { ...(await cpuEnvironment()), RUNNER_PROOF_RUNTIME: stage }
  const script = (name, ...args) =>
    execute(process.execPath, [join(projectRoot, 'scripts/proof', name), join(stage, 'proof/job.json'), packPath, ...args], {
      env: environment,
      maxBuffer: 1e8,
    })
  say('lowering the programs')
  await script('lower.mjs', stage, options.batches, options.precisions)
  say('computing the reference')
  await script('reference.mjs', join(stage, 'proof/reference'))
  const folder = join(stage, 'proof/fast')
  const names = (await readdir(folder)).sort()
  return Promise.all(names.map(async (name) => [name, JSON.parse(await readFile(join(folder, name), 'utf8'))]))
}

/** Bytes that a step moves through memory on the card that is described, by "batch-precision"; those of texts known before are kept. */
async function countBytes(programs) {
  const folder = join(cache, 'bytes')
  await mkdir(folder, { recursive: true })
  await execute(join(projectRoot, 'scripts/aot/install'))
  const counted = {}
  for (const [name, { steps }] of programs) {
    const [key, batch] = [name.replace('.json', ''), name.split('-')[0]]
    const { text } = steps[`train${batch}`]
    const kept = join(folder, `${sha256(text)}.json`)
    if (!existsSync(kept)) {
      say(`counting the bytes of ${key}`)
      const path = join(folder, 'step.mlir')
      await writeFile(path, text)
      const args = [join(projectRoot, 'scripts/aot/compile_for_card.py'), path, join(projectRoot, 'scripts/aot/h100.txt')]
      const { stdout } = await execute(join(projectRoot, '.setup/aot/bin/python'), args, { maxBuffer: 1e8 })
      await writeFile(kept, stdout)
    }
    counted[key] = JSON.parse(await readFile(kept, 'utf8'))
  }
  return counted
}

/** The baseline on the same images and split by this machine's CPU: test metrics of each seed. */
async function trainOnCpu() {
  const results = []
  for (const seed of options.seeds.split(',')) {
    const key = sha256(JSON.stringify([dataset.manifest.digest, seed, options.epochs])).slice(0, 16)
    const kept = join(cache, 'cpu', `${key}.json`)
    if (!existsSync(kept)) {
      if (!options.reference) {
        say(`the CPU has not trained seed ${seed} on these images: --reference does it`)
        continue
      }
      await mkdir(dirname(kept), { recursive: true })
      await writeFile(kept, JSON.stringify(await trainSeed(seed)))
    }
    results.push(JSON.parse(await readFile(kept, 'utf8')))
  }
  return results
}

async function trainSeed(seed) {
  say(`training seed ${seed} on the CPU`)
  const home = join(work, `cpu-${seed}`)
  const set = [
    `seed=${seed}`,
    `split.seed=${splitSeed()}`,
    `training.epochs=${options.epochs}`,
    'tracking.enabled=false',
    'runtime.device=cpu',
  ]
  const args = ['bootstrap/main.mjs', baseline, '--json', ...set.flatMap((value) => ['--set', value])]
  const env = { ...process.env, IDC_ROOT: join(work, 'subset'), RUNNER_HOME: home }
  const { stdout } = await execute(process.execPath, args, { cwd: projectRoot, env, maxBuffer: 1e8 })
  const result = await readRun(stdout, home)
  await rm(home, { recursive: true, force: true })
  return { seed: Number(seed), ...result }
}

/** From the events that `runner FILE --json` prints, and the metrics that the run left. */
async function readRun(stdout, home) {
  const events = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
  const { run, experiment } = events.find(({ type }) => type === 'run-started')
  const { weights } = JSON.parse(await readFile(join(home, 'runs', experiment, run, 'metrics.json'), 'utf8'))
  const epochs = events.filter(({ type }) => type === 'epoch')
  return {
    test: { selected: weights.selected.test.metrics, last: weights.last.test.metrics },
    selectedEpoch: weights.selected.epoch,
    seconds: epochs.map(({ seconds }) => seconds),
    curve: epochs.map(({ metrics }) => metrics),
  }
}

async function writeParts() {
  say('compressing')
  await rm(into, { recursive: true, force: true })
  await mkdir(into, { recursive: true })
  await stagePackages()
  await Promise.all([compressNode(join(into, 'node.xz')), compressRuntime(join(into, 'runtime.tar.xz'))])
  const pictures = chosen.map((patient) => `${patient}.webp`)
  await execute('tar', [
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--mtime=@0',
    '-cf',
    join(into, 'images.tar'),
    '-C',
    join(work, 'images'),
    ...pictures,
  ])
  const names = await readdir(into)
  const files = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await describe(join(into, name))])))
  const total = Object.values(files).reduce((sum, file) => sum + file.bytes, 0)
  const { pack, counts } = dataset
  const commit = (await execute('git', ['describe', '--always', '--dirty', '--exclude=*'], { cwd: projectRoot })).stdout.trim()
  const { stdout: libc } = await execute('getconf', ['GNU_LIBC_VERSION']).catch(() => ({ stdout: 'unknown' }))
  const manifest = {
    commit,
    packed: new Date().toISOString(),
    node: process.version,
    libc: libc.trim(),
    bytes: total,
    files,
    images: {
      patients: [...patientsOf(dataset)].map(([name, rows]) => [name, rows.length]),
      columns,
      size: [pack.height, pack.width, pack.channels],
      labels: job.labels,
      counts,
      classes: experiment.dataset.classes.map(({ name }) => name),
      sha256: sha256(await readFile(packPath)),
    },
    steps: bytes,
    cpu,
    // They travel with the checkout, and have to be those that this build is for.
    scripts: await hashScripts(),
  }
  await writeFile(join(into, 'manifest.json'), JSON.stringify(manifest))
  for (const [name, file] of Object.entries(files)) say(`${(file.bytes / 2 ** 20).toFixed(1).padStart(6)} MiB  ${name}`)
  say(`${(total / 2 ** 20).toFixed(1).padStart(6)} MiB  in all, ${chosen.length} patients, ${job.labels.length} images`)
  if (total > mostBytes) throw new Error(`more than ${mostBytes / 2 ** 20} MiB`)
}

async function hashScripts() {
  const folder = join(projectRoot, 'scripts/proof')
  const names = (await readdir(folder)).filter((name) => name.endsWith('.mjs')).sort()
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, sha256(await readFile(join(folder, name)))])))
}

async function describe(path) {
  return { bytes: (await stat(path)).size, sha256: sha256(await readFile(path)) }
}

/** The packages below the engine's own modules, with what those need; of tfjs-core the one file that Node loads. */
async function stagePackages() {
  await rm(join(stage, 'node_modules'))
  const from = (name) => join(projectRoot, 'node_modules', name)
  const to = (name) => join(stage, 'node_modules', name)
  for (const name of ['write-file-atomic', 'signal-exit', 'long', 'seedrandom', 'node-fetch', 'whatwg-url', 'tr46', 'webidl-conversions'])
    await cp(from(name), to(name), { recursive: true, filter: (path) => !/\.(map|d\.ts|md|mjs\.map)$/.test(path) })
  const core = '@tensorflow/tfjs-core'
  await mkdir(join(to(core), 'dist'), { recursive: true })
  for (const file of ['package.json', 'dist/tf-core.node.js']) await copyFile(join(from(core), file), join(to(core), file))
  await stageAddon()
}

/** Compiled, and its source with the two headers, for a machine whose C library is older than ours. */
async function stageAddon() {
  const { placesOf } = await import('../../dist/setup/places.js')
  const { pjrtAddonFolder, pjrtSource, nodeApiHeaders, tensorflow } = placesOf(projectRoot)
  const [source, include] = [join(stage, 'addon'), join(stage, 'addon/include')]
  await copyFile(join(pjrtAddonFolder, 'pjrt.node'), join(stage, 'pjrt.node'))
  await cp(nodeApiHeaders, include, { recursive: true })
  const header = 'xla/pjrt/c/pjrt_c_api.h'
  await mkdir(dirname(join(include, header)), { recursive: true })
  await copyFile(join(tensorflow('cpu'), 'tensorflow/include', header), join(include, header))
  await copyFile(pjrtSource, join(source, 'pjrt.cc'))
  await writeFile(join(source, 'flags'), '-std=c++17 -O2 -fPIC -shared -fvisibility=hidden -DNAPI_VERSION=8')
}

async function compressNode(target) {
  const stripped = join(work, 'node')
  await copyFile(process.execPath, stripped)
  await execute('strip', [stripped])
  const kept = join(cache, `${sha256(await readFile(stripped))}.node.xz`)
  if (!existsSync(kept)) await shell('xz -9e -k -c -T1 "$1" > "$2.partial" && mv "$2.partial" "$2"', stripped, kept)
  await copyFile(kept, target)
}

function compressRuntime(target) {
  return shell('tar --sort=name --owner=0 --group=0 --mtime=@0 -C "$1" -c . | xz -9e -T1 > "$2"', stage, target)
}

function shell(script, ...args) {
  return execute('bash', ['-c', `set -euo pipefail; ${script}`, 'pack', ...args])
}
