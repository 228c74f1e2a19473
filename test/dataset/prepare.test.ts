import { createHash } from 'node:crypto'
import { chmod, readdir, readFile, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { renderAudit } from '../../src/dataset/audit.ts'
import { decodeImage } from '../../src/dataset/decode.ts'
import { writeManifest } from '../../src/dataset/manifest-csv.ts'
import { readRows } from '../../src/dataset/pack.ts'
import { renderDiagnostics } from '../../src/diagnostics/frame.ts'
import { onlyFault, openPatients, openWorkspace, patch, patchName } from './workspace.ts'
import type { Workspace } from './workspace.ts'

describe('a sound data set', () => {
  it('becomes a manifest by path, with both classes on every side, and a pack in its order', async () => {
    await using workspace = await openPatients()
    const { value: data } = await workspace.prepare()
    const paths = data?.manifest.rows.map(({ path }) => path) ?? []
    expect(paths).toHaveLength(24)
    expect(paths).toEqual([...paths].sort())
    expect(data?.manifest.rows[0]).toMatchObject({
      group: '101',
      class: 0,
      label: 'benign',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    })
    for (const split of ['train', 'validation', 'test'] as const)
      expect(Math.min(...(data?.counts[split].classes ?? [0]))).toBeGreaterThan(0)
    expect(data?.places[0]).toEqual({ x: 1, y: 1 })
    expect(data?.pack).toMatchObject({ rows: 24, width: 8, height: 8, channels: 3 })
    expect((await readFile(data?.pack.path ?? '')).length).toBe(24 * 8 * 8 * 3)
    expect(data?.audit.findings).toEqual([])
  })

  it('gives the same manifest and pack, whatever was written first and wherever it lies', async () => {
    await using workspace = await openPatients()
    const { value: first } = await workspace.prepare()
    await using elsewhere = await openWorkspace()
    for (const { path } of [...(first?.manifest.rows ?? [])].reverse())
      await elsewhere.write(`images/${path}`, await readFile(workspace.path(`images/${path}`)))
    const { value: second } = await elsewhere.prepare()
    expect(second?.manifest).toEqual(first?.manifest)
    expect(second?.pack.digest).toBe(first?.pack.digest)
    expect(await readFile(second?.pack.path ?? '')).toEqual(await readFile(first?.pack.path ?? ''))
  })

  it('is read again when an image changes, and not otherwise', async () => {
    await using workspace = await openPatients()
    const { value: first } = await workspace.prepare()
    const image = workspace.path(patchName(101, 0, 1))
    await workspace.prepare()
    expect(await readdir(workspace.path('packs'))).toHaveLength(3)
    await writeFile(image, await patch(9999))
    await utimes(image, 1, 1)
    const { value: second } = await workspace.prepare()
    expect(second?.manifest.digest).not.toBe(first?.manifest.digest)
    expect(second?.pack.digest).not.toBe(first?.pack.digest)
  })
})

describe('folds', () => {
  it('share the images, their pack and the test, which is that without folds; everybody else validates once', async () => {
    await using workspace = await openPatients()
    const { value: whole } = await workspace.prepare()
    const groups = (data: typeof whole, split: string): string[] => [
      ...new Set(data?.manifest.rows.flatMap((row) => (row.split === split ? [row.group] : []))),
    ]
    const folds = await Promise.all([1, 2].map(async (fold) => (await workspace.prepare('split.folds=2', `split.fold=${fold}`)).value))
    for (const fold of folds) {
      expect(groups(fold, 'test')).toEqual(groups(whole, 'test'))
      expect(fold?.pack.path).toBe(whole?.pack.path)
    }
    expect(folds.flatMap((fold) => groups(fold, 'validation')).sort()).toEqual(
      [...groups(whole, 'train'), ...groups(whole, 'validation')].sort(),
    )
  })

  it('of which there are more than patients are a fault that counts both', async () => {
    await using workspace = await openPatients()
    expect(onlyFault(await workspace.prepare('split.folds=6', 'split.fold=1'))).toMatchObject({
      code: 'split-folds',
      message: '6 folds need 6 patients beside those of the test, and there are 5',
      place: { file: 'patches.yaml' },
    })
  })

  it('that lack a class are named', async () => {
    await using workspace = await openWorkspace()
    for (const patient of [101, 102, 103, 104, 105, 106])
      for (const label of patient < 103 ? [0, 1] : [0])
        await workspace.write(patchName(patient, label, 1), await patch(patient * 100 + label))
    const { message, hint } = onlyFault(await workspace.prepare('split.folds=3', 'split.fold=2'))
    expect(message).toMatch(/^no image of class "malignant" is in .* of fold 2$/)
    expect(hint).toBe('Only 2 groups have the class, and 3 folds and the test need one each: add groups, or ask for fewer folds.')
  })
})

describe('a root', () => {
  it('that is missing is a fault at its line, with the variable that names it', async () => {
    await using workspace = await openWorkspace()
    const located = await workspace.load()
    const fault = onlyFault(await workspace.prepare())
    expect(renderDiagnostics([fault], located.sources, { color: false })).toContain('root: images')
    expect(fault).toMatchObject({ code: 'dataset-missing', hint: expect.stringContaining('--set dataset.root=FOLDER') as string })
    const named = onlyFault(await workspace.prepare('dataset.root=${IDC_ROOT:-nowhere}'))
    expect(named.hint).toContain('Set IDC_ROOT to the folder of the images')
    expect(await readdir(workspace.folder)).toEqual(['patches.yaml'])
  })

  it('that is a file is a fault', async () => {
    await using workspace = await openWorkspace()
    await workspace.write('images', 'no folder')
    expect(onlyFault(await workspace.prepare()).message).toMatch(/images is no folder$/)
  })

  it('in which a class has no images is a fault that says which folders are there', async () => {
    await using workspace = await openPatients()
    const fault = onlyFault(await workspace.prepare('dataset.classes=[{folder: "0", name: benign}, {folder: "2", name: malignant}]'))
    expect(fault).toMatchObject({ code: 'class-empty', message: 'class "malignant" (folder "2") has no images' })
    expect(fault.hint).toContain('1')
  })

  it('that nothing fits the layout of is a fault that shows a file', async () => {
    await using workspace = await openPatients()
    const { diagnostics } = await workspace.prepare('dataset.layout="{patient}/{class}/{*}.tif"')
    expect(diagnostics.map(({ code }) => code)).toEqual(['class-empty', 'class-empty'])
    expect(diagnostics[0]?.hint).toContain('"101/0/101_idx5_x1_y1_class0.png"')
  })

  it('with a link that leads out of it is a fault, and a link to a folder inside is not walked twice', async () => {
    await using workspace = await openPatients()
    await symlink('..', workspace.path('images/101/0/loop'))
    const refused = await workspace.prepare()
    expect(refused.value?.audit.findings).toMatchObject([{ what: 'unmatched name', count: 1, examples: ['"101/0/loop"'] }])
    await workspace.write('secret.png', await patch(1))
    await symlink('../../../secret.png', workspace.path('images/101/0/101_idx5_x99_y1_class0.png'))
    expect(onlyFault(await workspace.prepare()).code).toBe('link-outside-root')
  })
})

describe('an image', () => {
  it('that is empty, a text, or cut short is a fault that names every one of them, or left out and shown', async () => {
    await using workspace = await openPatients()
    const whole = await patch(1)
    await workspace.write(patchName(101, 0, 101), '')
    await workspace.write(patchName(102, 0, 101), 'name,label\n')
    await workspace.write(patchName(103, 0, 101), whole.subarray(0, whole.length / 2))
    const fault = onlyFault(await workspace.prepare())
    expect(fault.code).toBe('data-unreadable')
    expect(fault.message).toMatch(
      /^3 images .*101_idx5_x101.*: it is empty.*102_idx5_x101.*: it is no image.*103_idx5_x101.*damaged or cut short$/,
    )
    expect(fault.hint).toContain('onFault: { unreadable: skip }')

    const { value: data } = await workspace.prepare('dataset.onFault.unreadable=skip')
    expect(data?.manifest.rows).toHaveLength(24)
    expect(data?.pack.rows).toBe(24)
    expect(data?.audit.findings).toMatchObject([{ what: 'unreadable', count: 3, done: 'left out' }])
  })

  it('of 50x1 is a fault, resized, or left out', async () => {
    await using workspace = await openPatients()
    await workspace.write(patchName(101, 0, 101), await patch(1, 50, 1))
    const fault = onlyFault(await workspace.prepare())
    expect(fault.code).toBe('data-odd-size')
    expect(fault.message).toContain('101_idx5_x101_y1_class0.png": 50x1')
    expect((await workspace.prepare('dataset.onFault.oddSize=resize')).value?.manifest.rows).toHaveLength(25)
    expect((await workspace.prepare('dataset.onFault.oddSize=skip')).value?.manifest.rows).toHaveLength(24)
  })

  it('of more than half a megabyte among small ones is read whole', async () => {
    await using workspace = await openPatients()
    const noise = Uint8Array.from({ length: 540 * 500 * 3 }, (_, index) => Math.imul((index * index) ^ (index >>> 3), 0x9e3779b1) >>> 24)
    const png = await sharp(noise, { raw: { width: 540, height: 500, channels: 3 } })
      .png()
      .toBuffer()
    await workspace.write(patchName(101, 0, 101), png)
    const { value: data } = await workspace.prepare('dataset.onFault.oddSize=resize')
    if (!data) throw new Error('it was not prepared')
    const row = data.manifest.rows.findIndex(({ path }) => path.includes('_x101_'))
    expect(png.length).toBeGreaterThan(500_000)
    expect(data.manifest.rows[row]?.sha256).toBe(createHash('sha256').update(png).digest('hex'))
    expect(await decodeImage(png, data.pack)).toMatchObject({ pixels: (await readRows(data.pack, [row]))[0] })
  })

  it('that stands twice, or in two classes, is found by its bytes', async () => {
    await using workspace = await openPatients()
    const original = await readFile(workspace.path(patchName(101, 0, 1)))
    await workspace.write(patchName(101, 0, 101), original)
    const { value: data } = await workspace.prepare()
    expect(data?.audit.findings).toMatchObject([{ what: 'duplicate', count: 1, done: 'kept' }])
    expect((await workspace.prepare('dataset.onFault.duplicate=skip')).value?.manifest.rows).toHaveLength(24)

    await workspace.write(patchName(106, 1, 101), original)
    expect(onlyFault(await workspace.prepare())).toMatchObject({ code: 'data-conflict' })
    expect((await workspace.prepare('dataset.onFault.conflict=skip')).value?.manifest.rows).toHaveLength(23)
  })

  it('whose bytes are on two sides of the split is shown', async () => {
    await using workspace = await openPatients()
    const original = await readFile(workspace.path(patchName(101, 0, 1)))
    for (const patient of [102, 103, 104, 105, 106]) await workspace.write(patchName(patient, 0, 101), original)
    const { value: data } = await workspace.prepare()
    expect(data?.audit.findings.map(({ what }) => what)).toEqual(['duplicate', 'same bytes on two sides'])
  })

  it('whose name does not fit the layout is left out, counted and shown', async () => {
    await using workspace = await openPatients()
    await workspace.write('images/101/0/notes.txt', 'remember')
    await workspace.write('images/101/7/101_idx5_x1_y1_class7.png', await patch(1))
    const { value: data } = await workspace.prepare()
    const table = data && renderAudit(data.audit, (await workspace.load()).experiment.dataset)
    expect(table).toBe(`24 images of 10x10 (benign 12, malignant 12), 6 groups, 0 of them with one class only
       1  unmatched name  left out
       1  unknown class   left out

unmatched name:
  "101/0/notes.txt"
unknown class:
  "7"
`)
  })
})

describe('a given manifest', () => {
  async function given(workspace: Workspace) {
    const { value: data } = await workspace.prepare()
    if (!data) throw new Error('the data set is sound')
    await workspace.write('split.csv', writeManifest(data.manifest.rows))
    const manifestIs = async (change: (text: string) => string) => workspace.write('split.csv', change(writeManifest(data.manifest.rows)))
    return { data, manifestIs, prepare: () => workspace.prepare('split={manifest: split.csv}') }
  }

  it('that runner wrote is accepted back, to the last byte', async () => {
    await using workspace = await openPatients()
    const { data, prepare } = await given(workspace)
    const { value: again } = await prepare()
    expect(again?.manifest).toEqual(data.manifest)
    expect(again?.counts).toEqual(data.counts)
    expect(again?.pack.digest).toBe(data.pack.digest)
  })

  it('that leaves images out is taken, and says so', async () => {
    await using workspace = await openPatients()
    const { data, manifestIs, prepare } = await given(workspace)
    const left = data.manifest.rows.find(({ split }) => split === 'train')?.path ?? ''
    await manifestIs((text) =>
      text
        .split('\n')
        .filter((line) => !line.startsWith(left))
        .join('\n'),
    )
    const { value } = await prepare()
    expect(value?.audit.findings).toMatchObject([{ what: 'not in manifest', count: 1, examples: [JSON.stringify(left)], done: 'left out' }])
    expect(value?.pack.rows).toBe(23)
    const row = value?.manifest.rows.findIndex(({ path }) => path === '106/1/106_idx5_x51_y1_class1.png') ?? -1
    const [whole, part] = [await readFile(data.pack.path), await readFile(value?.pack.path ?? '')]
    expect(part.subarray(row * 192, row * 192 + 192)).toEqual(whole.subarray(23 * 192))
  })

  it('with a patient on both sides is a fault', async () => {
    await using workspace = await openPatients()
    const { manifestIs, prepare } = await given(workspace)
    await manifestIs((text) =>
      text.replace(
        /(103\/0.*),(train|validation|test)\n/,
        (_, row: string, split: string) => `${row},${split === 'train' ? 'test' : 'train'}\n`,
      ),
    )
    const fault = onlyFault(await prepare())
    expect(fault.code).toBe('split-leak')
    expect(fault.message).toMatch(
      /^split\.csv has 1 group on more than one side: "103" in (test and train|train and test|train and validation|validation and train)$/,
    )
  })

  it('that hides a patient on both sides behind other groups is a fault all the same', async () => {
    await using workspace = await openPatients()
    const { data, manifestIs, prepare } = await given(workspace)
    const rows = data.manifest.rows.map((row, index) => ({
      ...row,
      group: row.path,
      split: index % 2 === 0 ? ('train' as const) : row.split,
    }))
    await manifestIs(() => writeManifest(rows))
    expect(onlyFault(await prepare()).message).toMatch(/^split\.csv has \d groups? on more than one side/)
  })

  it.each([
    ['a class that the experiment has not', (text: string) => text.replace(',0,benign,', ',0,normal,'), 'manifest-class'],
    ['a class that is no number', (text: string) => text.replace(',0,benign,', ',,benign,'), 'manifest-class'],
    ['an unknown split', (text: string) => text.replace(/,(train|test|validation)\n$/, ',holdout\n'), 'manifest-split'],
    ['a path that leaves the root', (text: string) => text.replace('\n101/', '\n../101/'), 'manifest-path'],
    ['a path twice', (text: string) => `${text}${text.trim().split('\n').at(-1) ?? ''}\n`, 'manifest-path-twice'],
    ['an image that is not there', (text: string) => text.replaceAll('101/0/101', '101/0/999'), 'manifest-mismatch'],
    ['another hash', (text: string) => text.replace(/,[0-9a-f]{64},/, `,${'0'.repeat(64)},`), 'manifest-mismatch'],
    ['another class than the folder', (text: string) => text.replaceAll(',0,benign,', ',1,malignant,'), 'manifest-mismatch'],
    ['no column for the group', (text: string) => text.replace('group', 'patient'), 'manifest-columns'],
    ['nothing in it', () => '', 'manifest-empty'],
    ['a quote that never ends', (text: string) => `${text}"`, 'manifest-syntax'],
  ])('with %s is a fault', async (_, change, code) => {
    await using workspace = await openPatients()
    const { manifestIs, prepare } = await given(workspace)
    await manifestIs(change)
    expect(onlyFault(await prepare()).code).toBe(code)
  })

  it('that is not there is a fault at its line', async () => {
    await using workspace = await openPatients()
    expect(onlyFault(await workspace.prepare('split={manifest: other.csv}'))).toMatchObject({
      code: 'manifest-missing',
      place: { file: '--set' },
    })
  })
})

describe('folders that are the split', () => {
  it('are read, and refused where a patient is in two or a class is missing', async () => {
    await using workspace = await openWorkspace()
    const layout = 'dataset.layout="{split}/{class}/{patient}_{*}.png"'
    const set = [layout, 'split={from: layout}']
    let seed = 0
    for (const [split, patient] of [
      ['training', 1],
      ['validation', 2],
      ['testing', 3],
    ] as const)
      for (const label of [0, 1]) await workspace.write(`images/${split}/${label}/${patient}_a.png`, await patch(seed++))
    const { value } = await workspace.prepare(...set)
    expect(value?.counts).toEqual({
      train: { classes: [1, 1], groups: 1 },
      validation: { classes: [1, 1], groups: 1 },
      test: { classes: [1, 1], groups: 1 },
    })
    await workspace.write('images/testing/0/1_b.png', await patch(seed++))
    expect(onlyFault(await workspace.prepare(...set))).toMatchObject({ code: 'split-leak' })
    await rm(workspace.path('images/testing/0/1_b.png'))
    await rename(workspace.path('images/testing'), workspace.path('images/holdout'))
    expect(onlyFault(await workspace.prepare(...set)).message).toContain('"holdout"')
    await rm(workspace.path('images/holdout'), { recursive: true })
    const { diagnostics } = await workspace.prepare(...set)
    expect(diagnostics.map(({ message }) => message)).toEqual([
      'no image of class "benign" is in test',
      'no image of class "malignant" is in test',
    ])
  })
})

describe('the cache', () => {
  it('is made anew where a pack was cut short, spoilt, or left half-written by a killed process', async () => {
    await using workspace = await openPatients()
    const { value: first } = await workspace.prepare()
    const path = first?.pack.path ?? ''
    const whole = await readFile(path)
    const spoilt = Buffer.from(whole)
    spoilt.writeUInt8(spoilt.readUInt8(100) ^ 1, 100)
    for (const spoil of [() => truncate(path, 1000), () => writeFile(path, spoilt), () => rm(`${path}.seal`)]) {
      await spoil()
      await workspace.write('packs/half.pixels.999999999.partial', 'half')
      expect((await workspace.prepare()).value?.pack).toEqual(first?.pack)
      expect(await readFile(path)).toEqual(whole)
      expect((await readdir(workspace.path('packs'))).filter((name) => name.endsWith('.partial'))).toEqual([])
    }
  })

  it('that cannot be made is a fault of the machine', async () => {
    await using workspace = await openPatients()
    await workspace.write('packs', 'a file in the way')
    const { diagnostics } = await workspace.prepare().catch((error: unknown) => ({ diagnostics: [{ code: String(error) }] }))
    expect(diagnostics).toMatchObject([{ code: 'folder-unwritable' }])
  })
})

it('folders that cannot be read are a fault, not an empty class', async () => {
  await using workspace = await openPatients()
  if (process.getuid?.() === 0) return
  await chmod(workspace.path('images/101/0'), 0)
  expect(onlyFault(await workspace.prepare()).code).toBe('folder-unreadable')
  await chmod(workspace.path('images/101/0'), 0o755)
})
