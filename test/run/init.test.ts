/** Folders as people have them, each with the file that `runner init` makes of it: sound, and its split drawn without a fault. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { guessLayout } from '../../src/dataset/guess-layout.ts'
import { Fault } from '../../src/diagnostics/diagnostic.ts'
import { loadChecked } from '../../src/run/load.ts'
import { initExperiment } from '../../src/run/init.ts'
import { prepareData } from '../../src/run/prepare.ts'
import { makeDesk, type Desk } from './workspace.ts'

let desk: Desk
beforeEach(async () => {
  desk = await makeDesk()
})
afterEach(() => desk.remove())

/** A PNG whose bytes no other has. */
let drawn = 0
function image(width: number, height = width, channels: 1 | 3 = 3): Promise<Buffer> {
  drawn += 1
  const data = Uint8Array.from({ length: width * height * channels }, (_, index) => (index * 7 + drawn * 31 + (index >> 8) * drawn) % 251)
  const picture = sharp(data, { raw: { width, height, channels } })
  return (channels === 1 ? picture.toColourspace('b-w') : picture).png().toBuffer()
}

async function writeImages(
  paths: readonly string[],
  size: (index: number) => readonly [number, number] = () => [20, 20],
  channels: 1 | 3 = 3,
): Promise<void> {
  for (const [index, path] of paths.entries()) await desk.write(path, await image(...size(index), channels))
}

async function init(folder: string | null, to: string | null = null) {
  const { file, facts } = await initExperiment({ folder, to, workspace: desk.workspace })
  const { located, diagnostics, sources } = await loadChecked(file, [], desk.workspace)
  const prepare = () =>
    prepareData(located, sources, { workspace: desk.workspace, listen: () => undefined, signal: new AbortController().signal })
  return { facts, text: await readFile(file, 'utf8'), experiment: located.experiment, diagnostics, prepare, file }
}

async function refusal(folder: string): Promise<Fault['diagnostics'][number] | undefined> {
  const error: unknown = await init(folder).catch((fault: unknown) => fault)
  if (!(error instanceof Fault)) throw new Error('no fault')
  return error.diagnostics[0]
}

const times = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const patients = ['p01', 'p02', 'p03', 'p04', 'p05', 'p06', 'p07', 'p08', 'p09', 'p10']

describe('runner init', () => {
  it('finds patients, classes, places on the slide and odd sizes, as the IDC patches have them', async () => {
    const paths = patients.flatMap((patient) =>
      ['0', '1'].flatMap((folder) =>
        times(folder === '0' ? 6 : 2).map((n) => `idc/${patient}/${folder}/${patient}_idx5_x${50 * n + 1}_y100_class${folder}.png`),
      ),
    )
    await writeImages(paths, (index) => (index === 3 ? [20, 11] : [20, 20]))
    const { facts, text, experiment, diagnostics, prepare } = await init('idc')
    expect(diagnostics).toEqual([])
    expect(facts).toMatchObject({
      name: 'idc',
      root: 'idc',
      layout: '{patient}/{class}/{*}_x{x:int}_y{y:int}_{*}.png',
      positive: 'class1',
      found: { images: 80, patients: 10, width: 20, height: 20, channels: 3, hasOddSizes: true },
      split: { kind: 'patient', isGuessed: false },
    })
    expect(text).toContain('# Found: 80 images of 10 patients in 2 classes, most of them 20 x 20 pixels.')
    expect(text).toContain('    - { folder: "1", name: class1 } # 20 images\n')
    expect(experiment.classWeights).toEqual({ kind: 'balanced' })
    const { counts, places } = await prepare()
    expect(counts.train.groups + counts.validation.groups + counts.test.groups).toBe(10)
    expect(places[0]).toMatchObject({ y: 100 })
  })

  it('takes a folder for each class, shades of grey, and more than two classes', async () => {
    await writeImages(
      ['cats', 'dogs', 'eels'].flatMap((folder) => times(9).map((n) => `zoo/${folder}/${n}.png`)),
      () => [130, 200],
      1,
    )
    const { facts, experiment, prepare } = await init('zoo')
    expect(facts).toMatchObject({ layout: '{class}/{*}.png', positive: null, split: { kind: 'image', leakage: null } })
    expect(experiment.dataset.image).toEqual({ width: 62, height: 96, channels: 1 })
    expect(experiment.loss).toBe('categoricalCrossentropy')
    expect((await prepare()).counts.test.classes).toEqual([2, 2, 2])
  })

  it('keeps together what the beginning of a name keeps together, and says that it guessed', async () => {
    await writeImages(
      ['healthy', 'tumour'].flatMap((folder) => patients.flatMap((patient) => times(2).map((n) => `scans/${folder}/${patient}_${n}.png`))),
    )
    const { facts, text } = await init('scans')
    expect(facts).toMatchObject({ layout: '{class}/{patient}_{*}.png', positive: 'tumour', found: { patients: 10 } })
    expect(text).toContain('# guessed: the beginning of a name is the patient')
  })

  it('takes the split of the folders where they have all three parts', async () => {
    const paths = ['train', 'val', 'test'].flatMap((split) =>
      ['no', 'yes'].flatMap((folder) => times(3).map((n) => `split/${split}/${folder}/${n}.png`)),
    )
    await writeImages(paths)
    const { facts, experiment, prepare } = await init('split')
    expect(facts).toMatchObject({ layout: '{split}/{class}/{*}.png', positive: 'yes', split: { kind: 'layout' } })
    expect(experiment.split).toEqual({ kind: 'layout' })
    expect((await prepare()).counts.validation.classes).toEqual([3, 3])
  })

  it('splits by image, with the reason, where there are too few patients', async () => {
    const paths = ['a', 'b', 'c'].flatMap((patient) =>
      ['0', '1'].flatMap((folder) => (patient === 'a' || folder === '0' ? times(8) : []).map((n) => `few/${patient}/${folder}/${n}.png`)),
    )
    await writeImages(paths)
    const { text, experiment, prepare } = await init('few')
    expect(experiment.split).toMatchObject({ by: 'image', allowLeakage: 'too few patients to keep them apart' })
    expect(text).toContain('the score flatters')
    expect((await prepare()).leakage).not.toBeNull()
  })

  it('writes a file for synthetic patches where no folder is named, which names the schema from where it lies', async () => {
    const { file, text, experiment } = await init(null)
    expect(file).toBe(join(desk.workspace.cwd, 'start.yaml'))
    expect(text.split('\n')[0]).toMatch(/^# yaml-language-server: \$schema=(\.\.\/)+.*schemas\/experiment\.schema\.json$/)
    expect(experiment.dataset).toMatchObject({ whenMissing: 'synthetic', isDefaultRoot: true })
  })

  it('never writes over a file', async () => {
    await desk.write('experiments/mine.yaml', 'mine')
    expect(await init(null, 'experiments/mine.yaml').catch((error: unknown) => error)).toMatchObject({
      exitCode: 2,
      diagnostics: [{ code: 'file-exists' }],
    })
    expect(await readFile(join(desk.workspace.cwd, 'experiments/mine.yaml'), 'utf8')).toBe('mine')
    expect((await init(null)).file).toBe(join(desk.workspace.cwd, 'experiments/start.yaml'))
  })

  it('says what is missing', async () => {
    expect(await refusal('nowhere')).toMatchObject({ code: 'dataset-missing' })
    await desk.write('empty/readme.txt', 'nothing')
    expect(await refusal('empty')).toMatchObject({ code: 'images-missing' })
    await writeImages(times(4).map((n) => `flat/${n}.png`))
    expect(await refusal('flat')).toMatchObject({ code: 'layout-unguessed' })
    await writeImages(['flat/a/1.png', 'flat/a/2.png', 'flat/b/1.png', 'flat/b/2.png'].map((path) => `two/${path}`))
    expect(await refusal('two')).toMatchObject({ code: 'split-class-missing' })
  })
})

it.each([
  [['a/0/x.png', 'b/1/x.png', 'c/0/x.jpg'], '{patient}/{class}/{*}'],
  [['0/a/x.png', '1/b/x.png', '0/c/x.png'], '{class}/{patient}/{*}.png'],
  [['train/0/x.png', 'test/1/x.png'], '{*}/{class}/{*}.png'],
  [['8863_idx5_x1_y2_class0.png', '9_idx5_x1_y2_class1.png'], '{*}_x{x:int}_y{y:int}_class{class}.png'],
  [['0/s_x1_y2.png', '1/s_x1_y2.png'], '{class}/{*}_x{x:int}_y{y:int}.png'],
  [['deep/er/0/x.png', 'deep/er/1/x.png'], '{*}/{*}/{class}/{*}.png'],
])('of %j it guesses %s', (paths, layout) => {
  expect(guessLayout(paths)?.layout).toBe(layout)
})
