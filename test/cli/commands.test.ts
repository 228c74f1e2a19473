/** Every command that does not train, as a child process: what it prints where, and how it exits. */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeHome, projectRoot, type Home } from '../runner.ts'

const smoke = 'experiments/smoke.yaml'
let home: Home

beforeAll(async () => {
  home = await makeHome()
})
afterAll(() => home.remove())

describe('usage', () => {
  it('lists the commands where none is given, and exits 2', async () => {
    const { exitCode, stdout, stderr } = await home.runner([])
    expect(exitCode).toBe(2)
    expect(stdout).toBe('')
    for (const command of ['run', 'check', 'plan', 'split', 'sync', 'ui', 'list', 'doctor', 'schema'])
      expect(stderr).toMatch(new RegExp(`^  ${command} `, 'm'))
    expect(stderr).toContain('Exit codes:')
  })

  it('prints help and version on stdout when they are asked for', async () => {
    const help = await home.runner(['--help'])
    expect(help).toMatchObject({ exitCode: 0, stderr: '' })
    expect(help.stdout).toContain('Usage: runner')
    const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as { version: string }
    expect(await home.runner(['--version'])).toEqual({ exitCode: 0, stdout: version, stderr: '' })
  })

  it.each([
    [['chekc', smoke], 'error  command-unknown\n  there is neither a command nor a file "chekc". Did you mean "check"?'],
    [['lst'], 'error  command-unknown\n  there is neither a command nor a file "lst". Did you mean "list"?'],
    [['xyzzy'], 'error  command-unknown\n  there is neither a command nor a file "xyzzy". runner --help lists the commands.'],
    [
      ['check', smoke, '--formt', 'json'],
      "error: unknown option '--formt'\n(Did you mean --format?)\nrunner --help lists the commands and their options.",
    ],
    [
      ['check', smoke, '--format', 'xml'],
      "error: option '--format <format>' argument 'xml' is invalid. Allowed choices are pretty, json, sarif.\nrunner --help lists the commands and their options.",
    ],
    [['plan'], "error: missing required argument 'file'\nrunner --help lists the commands and their options."],
  ])('refuses %j with exit code 2 and the way out', async (args, stderr) => {
    expect(await home.runner(args)).toEqual({ exitCode: 2, stdout: '', stderr })
  })

  it('takes --set before the file as well as behind it', async () => {
    const before = await home.runner(['--set', 'training.epochs=x', smoke])
    expect(before.exitCode).toBe(1)
    expect(before.stderr).toBe((await home.runner([smoke, '--set', 'training.epochs=x'])).stderr)
  })
})

describe('check', () => {
  it('prints exactly the fault, and leaves nothing behind', async () => {
    expect(await home.runner(['check', smoke, '--set', 'model.layers.0.separableConv2d.filter=8'])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: [
        '--set:1:1  error  unknown-key',
        '   1 │ model.layers.0.separableConv2d.filter=8',
        `     │ ${'^'.repeat(37)} unknown key "filter" in model.layers.0.separableConv2d. Did you mean "filters"?`,
      ].join('\n'),
    })
    expect(await readdir(home.path)).toEqual([])
  })

  it('names every sound file on stdout and every fault of the others on stderr', async () => {
    const { exitCode, stdout, stderr } = await home.runner(['check', smoke, 'experiments/baseline.yaml', 'nowhere.yaml'])
    expect(exitCode).toBe(1)
    expect(stdout).toBe(`✓ ${smoke}\n✓ experiments/baseline.yaml`)
    expect(stderr).toContain('file-unreadable')
  })

  it('writes faults as JSON with places', async () => {
    const { exitCode, stdout, stderr } = await home.runner(['check', smoke, '--set', 'seed=-1', '--format', 'json'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject([{ code: 'out-of-range', severity: 'error', file: '--set', start: { line: 1, column: 6 } }])
  })
})

describe('plan', () => {
  it('shows network, split, steps, learning rates and class weights, and says that the data are synthetic', async () => {
    const { exitCode, stdout } = await home.runner(['plan', smoke])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('2,397 parameters: 2,381 to train, 16 moving statistics')
    expect(stdout).toContain('!! SYNTHETIC DATA !!')
    expect(stdout).toMatch(/^ +images +benign +malignant +patients$/m)
    expect(stdout).toMatch(/^train +48 +31 +17 +4$/m)
    expect(stdout).toContain('3 epochs of 3 steps with 16 images each, 9 steps in all')
    // 0.01 / (1 + 0.01/3 · 8)
    expect(stdout).toContain('adagrad, learning rate 0.01 in the first step and 0.00974 in the last')
    expect(stdout).toContain('class weights: benign 1, malignant 1.824')
    expect(stdout).toMatch(/^ {2}images +162.0 KiB of pixels stay in memory, within the budget of 1.00 GiB$/m)
    expect(stdout).toMatch(/^ {2}at most +about 4\d\d.\d MiB while training/m)
  })

  it('advises on what only the number of images shows', async () => {
    const of48 = (...set: readonly string[]) =>
      home.runner(['plan', smoke, '--format', 'json', ...set.flatMap((value) => ['--set', value])])
    const [larger, single, decaying, sound] = await Promise.all([
      of48('training.batchSize=49'),
      of48('training.batchSize=47'),
      of48('optimizer.adagrad.decay=0.9', 'training.epochs=1000'),
      of48(),
    ])
    expect(larger.stderr).toContain('warning  batch-exceeds-training')
    expect(larger.stderr).toContain('a batch holds 49 images, and there are 48 to train on')
    expect(single.stderr).toContain('warning  batch-of-one')
    expect(single.stderr).toContain('48 images in batches of 47 leave one of a single image')
    expect(decaying.stderr).toContain('warning  decay-kills-rate')
    expect(decaying.stderr).toContain('after 3000 steps the learning rate is 0.0000037, from 0.01 at the beginning')
    for (const { exitCode } of [larger, single, decaying]) expect(exitCode).toBe(0)
    expect(sound).toMatchObject({ exitCode: 0, stderr: '' })
  })

  it('gives the same as JSON', async () => {
    const { exitCode, stdout, stderr } = await home.runner(['plan', smoke, '--format', 'json'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    const plan = JSON.parse(stdout) as { network: { layers: readonly object[] }; split: object }
    expect(plan).toMatchObject({
      name: 'smoke',
      network: { trainable: 2381, nonTrainable: 16, classes: ['benign', 'malignant'] },
      training: { epochs: 3, batchSize: 16, optimizer: 'adagrad' },
      steps: { perEpoch: 3, total: 9, learningRates: [0.01, 0.01 / (1 + (0.01 / 3) * 8)] },
      split: { train: { classes: { benign: 31, malignant: 17 }, groups: 4 } },
      isSynthetic: true,
      memory: { parameters: 4 * 2397, optimizer: 4 * 2381, images: { bytes: 96 * 24 * 24 * 3, isResident: true } },
    })
    expect(plan.network.layers[1]).toEqual({
      name: 'batchNormalization_1',
      kind: 'batchNormalization',
      outputShape: [24, 24, 8],
      trainable: 16,
      nonTrainable: 16,
      multiplyAdds: 4608,
      // One operation with the pooling behind it.
      activationBytes: 0,
    })
  })

  it('shows the network even where the images are missing', async () => {
    const { exitCode, stdout, stderr } = await home.runner(['plan', smoke, '--set', 'dataset.root=nowhere'])
    expect(exitCode).toBe(1)
    expect(stdout).toContain('2,397 parameters')
    expect(stdout).toMatch(/^ {2}images +not known, and not counted$/m)
    expect(stderr).toContain('dataset-missing')
    const record = await home.runner(['plan', smoke, '--set', 'dataset.root=nowhere', '--format', 'json'])
    expect(record.exitCode).toBe(1)
    expect(JSON.parse(record.stdout)).toMatchObject({ network: { trainable: 2381 }, steps: null, split: null, memory: { images: null } })
  })
})

describe('plan --graph', () => {
  it('writes the operations of both steps as a list, as docs/how-it-compiles.md shows them', async () => {
    const list = join(home.path, 'steps.txt')
    const { exitCode, stderr } = await home.runner(['plan', smoke, '--graph', list])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: `the graphs of the steps are in ${list}` })
    const text = await readFile(list, 'utf8')
    expect(text.split('\n').filter((line) => line.startsWith('#'))).toEqual(['# train, 16 images', '# predict, 256 images'])
    expect(text).toMatch(/^ +%5 {2}ResourceGather +images, %0/m)
    expect(text).toMatch(/^batchNormalization_1$/m)
    expect(text).toMatch(/^fetched: done = %\d+$/m)
  })

  it('writes DOT where the name says so, though the images are missing', async () => {
    const dot = join(home.path, 'steps.dot')
    const { exitCode, stderr } = await home.runner(['plan', smoke, '--graph', dot, '--set', 'dataset.root=nowhere'])
    expect(exitCode).toBe(1)
    expect(stderr).toContain('dataset-missing')
    const text = await readFile(dot, 'utf8')
    expect(text.match(/^digraph step \{$/gm)).toHaveLength(2)
    expect(text).toMatch(/^ {2}n\d+ -> n\d+$/m)
  })

  it('says what is in the way where the file cannot be written', async () => {
    const { exitCode, stderr } = await home.runner(['plan', smoke, '--graph', join(home.path, 'no/folder/steps.txt')])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(
      /^error {2}file-unwritable\n.*steps.txt cannot be written: ENOENT. Name a file in a folder that is there and yours.$/m,
    )
  })
})

describe('explain', () => {
  it('shows a value with its place, default and what is allowed', async () => {
    expect(await home.runner(['explain', smoke, 'optimizer.decay'])).toEqual({
      exitCode: 0,
      stdout: [
        'optimizer.adagrad.decay = perEpochs (0.00333333)',
        '  The learning rate is divided by 1 + decay · t, t the step from 0. perEpochs stands for learningRate / training.epochs. Only with a plain number as learningRate.',
        '',
        '  set       experiments/smoke.yaml:37:52',
        '  default   none',
        '  allowed   a number from 0, or the word perEpochs',
        '  example   perEpochs',
        '  example   0.0001',
      ].join('\n'),
      stderr: '',
    })
  })

  it('lists all values, as JSON too, and refuses a path that is none', async () => {
    const { stdout } = await home.runner(['explain', smoke, '--format', 'json', '--set', 'seed=8'])
    const values = JSON.parse(stdout) as readonly { path: string; set: string | null }[]
    expect(values.find(({ path }) => path === 'seed')).toMatchObject({ value: 8, set: '--set seed=8', replaces: [{ value: 7 }] })
    expect(await home.runner(['explain', smoke, 'augmentation.rotatoin'])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr:
        'error  path-unknown\n  there is no augmentation.rotatoin: augmentation has no "rotatoin". Did you mean "augmentation.rotation"?',
    })
  })
})

describe('diff', () => {
  it('shows what a setting changes and what it costs', async () => {
    const { exitCode, stdout, stderr } = await home.runner(['diff', smoke, smoke, '--set', 'model.layers.0.filters=16'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    const lines = stdout.split('\n')
    expect(lines.slice(0, 8)).toEqual([
      'layers',
      'changed   separableConv2d_1: filters 8 -> 16',
      '',
      'costs                          experiments/smoke.yaml   experiments/smoke.yaml',
      'parameters                     2,397                    4,765                    +98.8 %',
      'of them to train               2,381                    4,733                    +98.8 %',
      'multiply-adds of an image      36,288                   57,024                   +57.1 %',
      'activations of an image        21.4 KiB                 36.0 KiB                 +68.4 %',
    ])
    expect(lines.slice(8).map((line) => line.split(/ {2,}/)[0])).toEqual([
      'kept by the optimizer',
      'a training step',
      'memory at most, images aside',
    ])
    expect((await home.runner(['diff', smoke, smoke])).stdout).toBe(`${smoke} and ${smoke} mean the same.`)
  })
})

describe('list', () => {
  it('says how to get a run where there is none', async () => {
    const empty = await makeHome()
    expect(await empty.runner(['list'])).toEqual({
      exitCode: 0,
      stdout: 'No runs yet: ./runner experiments/smoke.yaml makes one in seconds.',
      stderr: '',
    })
    await empty.remove()
  })

  it('shows what became of each run, a damaged journal among them', async () => {
    const run = (name: string): string => join(home.path, 'runs', 'shelf', name)
    const started = {
      type: 'run-started',
      version: 1,
      run: 'a',
      name: 'a',
      experiment: 'shelf',
      seed: 1,
      epochs: 9,
      tags: { synthetic: 'true' },
    }
    const epoch = { type: 'epoch', epoch: 1, step: 3, metrics: { 'val/roc_auc': 0.875 }, seconds: 1 }
    const committed = { type: 'committed', epoch: 1, step: 3, checkpoint: 1, isBest: true }
    const lines = [started, epoch, committed].map((event, sequence) => JSON.stringify({ ...event, sequence, at: 1 }))
    await mkdir(run('20260101-000000-killed-aaaa'), { recursive: true })
    await writeFile(join(run('20260101-000000-killed-aaaa'), 'journal.jsonl'), `${lines.join('\n')}\n{"type":"torn`)
    await cp(run('20260101-000000-killed-aaaa'), run('20260102-000000-damaged-bbbb'), { recursive: true })
    await writeFile(join(run('20260102-000000-damaged-bbbb'), 'journal.jsonl'), `${lines.join('\n?\n')}\n`)

    const { exitCode, stdout } = await home.runner(['list'])
    expect(exitCode).toBe(0)
    expect(stdout.split('\n')).toEqual([
      'run                           experiment  status           epochs  AUC    on',
      '20260101-000000-killed-aaaa   shelf       killed           1/9     0.875  validation  synthetic',
      '20260102-000000-damaged-bbbb              damaged journal',
      '',
      'Killed, goes on with  runner resume 20260101-000000-killed-aaaa',
    ])
  })
})

describe('doctor', () => {
  it('names each part of the set-up with what was found', async () => {
    const { exitCode, stdout } = await home.runner(['doctor'])
    expect(exitCode).toBe(0)
    for (const part of ['node', 'python', 'c\\+\\+ compiler', 'tensorflow', 'binding', 'mlflow', 'device'])
      expect(stdout).toMatch(new RegExp(`^ok +${part} +\\S`, 'm'))
  })
})
