/** Files and names made to do harm, or that do it by accident: a clear fault, and nothing changes but runner's own folder of packs. */
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { readManifest, writeManifest } from '../../src/dataset/manifest-csv.ts'
import { writeSplitFolders } from '../../src/dataset/split-folders.ts'
import { openPatients, onlyFault, patch, type Workspace } from './workspace.ts'

const place = 'images/101/0/101_idx5_x99_y1_class0.png'

/** Every file and link below, packs aside. */
async function everything({ folder }: Workspace): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).filter((name) => !name.startsWith('packs')).sort()
}

async function faultOf(workspace: Workspace, ...set: string[]) {
  const before = await everything(workspace)
  const fault = onlyFault(await workspace.prepare(...set))
  expect(await everything(workspace)).toEqual(before)
  return fault
}

describe('a file that is not what its name says', () => {
  const raw = { width: 10, height: 10, channels: 3 } as const
  const pixels = Buffer.alloc(300, 9)

  it.each([
    ['a PNG that unfolds into more than it says', () => bomb(8, 8, 50_000_000), 'it is damaged or cut short'],
    ['a PNG that says it is huge', () => bomb(60_000, 60_000, 1000), 'it has more than 25000000 pixels'],
    ['a TIFF that says it is huge', hugeTiff, 'it has more than 25000000 pixels'],
    [
      'a drawing',
      () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      'it is a drawing (svg), not an image of pixels',
    ],
    ['a page', () => Buffer.from('<html><script>alert(1)</script></html>'), 'it is no image'],
    ['an archive', () => Buffer.from('PK\u0003\u0004…'), 'it is no image'],
    ['half a PNG', async () => (await patch(1)).slice(0, 60), 'it is damaged or cut short'],
    ['half a JPEG', async () => (await sharp(pixels, { raw }).jpeg().toBuffer()).subarray(0, 150), 'it is damaged or cut short'],
  ])('%s', async (_, make, reason) => {
    await using workspace = await openPatients()
    await workspace.write(place, await make())
    const fault = await faultOf(workspace)
    expect(fault.code).toBe('data-unreadable')
    expect(fault.message).toContain(`${JSON.stringify(place.slice(7))}: ${reason}`)
  })

  it('a JPEG, a WebP and a GIF called .png are read as what they are', async () => {
    await using workspace = await openPatients()
    for (const [index, format] of (['jpeg', 'webp', 'gif'] as const).entries())
      await workspace.write(
        `images/101/0/101_idx5_x${100 + index}_y1_class0.png`,
        await sharp(Buffer.alloc(300, 60 * index), { raw })
          .toFormat(format)
          .toBuffer(),
      )
    expect((await workspace.prepare()).value?.audit.images).toBe(27)
  })

  it('100 MB of it are not read', async () => {
    await using workspace = await openPatients()
    await workspace.write(place, '')
    await truncate(workspace.path(place), 100_000_000)
    expect((await faultOf(workspace)).message).toContain('it is larger than 64000000 bytes')
  })
})

describe('a name', () => {
  const names = [
    'new\nline',
    'quote"\'',
    'hash#',
    '100%',
    '%2e%2e',
    '🙂𝒳',
    'semi;colon,comma',
    '$(touch harm)',
    '-rf',
    '\u001b[2Jescape',
    ' space ',
  ]

  it('that tempts is one image like any other, and comes back from the manifest and the folders', async () => {
    await using workspace = await openPatients()
    for (const [index, name] of names.entries())
      for (const label of [0, 1])
        await workspace.write(`images/${name}/${label}/${name}_x1_y1_class.png`, await patch(9000 + 2 * index + label))
    const before = await everything(workspace)
    const { value: data } = await workspace.prepare()
    expect(data?.audit).toMatchObject({ images: 24 + 2 * names.length, groups: 6 + names.length, findings: [] })
    expect(await everything(workspace)).toEqual(before)
    if (!data) return
    const { rows } = data.manifest
    expect(readManifest(writeManifest(rows), 'split.csv', ['benign', 'malignant']).value).toEqual(rows)
    await workspace.write('split.csv', writeManifest(rows))
    expect((await workspace.prepare('split={ manifest: split.csv }')).value?.manifest.digest).toBe(data.manifest.digest)
    expect(await writeSplitFolders(data.manifest, data.root, workspace.path('out'))).toEqual([])
    const written = (await readdir(workspace.path('out'), { recursive: true })).filter((name) => name.endsWith('.png'))
    expect(written).toHaveLength(rows.length)
  })

  it('that is no UTF-8 is a fault', async () => {
    await using workspace = await openPatients()
    // Node cannot write such a name; a shell can.
    execFileSync('bash', ['-c', `: > "$1"/$'bad\\xff_x1_y1_.png'`, '-', workspace.path('images/101/0')])
    expect((await faultOf(workspace)).code).toBe('name-unreadable')
  })

  it('too long for a folder, or the same as another once it is flat, gets one of its own', async () => {
    await using workspace = await openPatients()
    const long = 'p'.repeat(200)
    for (const path of [`${long}/0/${'f'.repeat(200)}_x1_y1_.png`, 'a__0__b/0/c_x1_y1_.png', 'a/0/b__0__c_x1_y1_.png'])
      await workspace.write(`images/${path}`, await patch(path.length))
    const { value: data } = await workspace.prepare('split={ by: image, test: 0.25, validation: 0.25, allowLeakage: a test }')
    if (!data) throw new Error('the data set is sound')
    expect(await writeSplitFolders(data.manifest, data.root, workspace.path('out'))).toEqual([])
    const written = (await readdir(workspace.path('out'), { recursive: true })).filter((name) => name.endsWith('.png'))
    expect(written).toHaveLength(27)
  })
})

describe('a way out of the root', () => {
  it.each(['../../../secret.png', '/etc/hostname', 'nowhere.png', '101_idx5_x99_y1_class0.png'])(
    'by a link to %s is a fault',
    async (target) => {
      await using workspace = await openPatients()
      await workspace.write('secret.png', await patch(1))
      await symlink(target, workspace.path(place))
      expect((await faultOf(workspace)).code).toBe('link-outside-root')
    },
  )

  it('by a link to a folder is not taken', async () => {
    await using workspace = await openPatients()
    await mkdir(workspace.path('elsewhere/0'), { recursive: true })
    await writeFile(workspace.path('elsewhere/0/x_x1_y1_.png'), await patch(3))
    await symlink(workspace.path('elsewhere'), workspace.path('images/107'))
    expect((await faultOf(workspace)).code).toBe('link-outside-root')
  })

  it.each(['../secret.png', '/etc/hostname', 'a/../../secret.png', '..\\secret.png', 'C:\\secret.png'])(
    'by %s in a manifest is a fault at its line',
    async (path) => {
      await using workspace = await openPatients()
      await workspace.write('secret.png', await patch(1))
      const { value: data } = await workspace.prepare()
      const rows = (data?.manifest.rows ?? []).map((row, index) => (index === 3 ? { ...row, path } : row))
      await workspace.write('split.csv', writeManifest(rows))
      const fault = await faultOf(workspace, 'split={ manifest: split.csv }')
      expect(fault).toMatchObject({ code: 'manifest-path', message: expect.stringContaining('split.csv:5') as string })
    },
  )

  it('by 100 MB of a manifest is a fault in seconds', async () => {
    await using workspace = await openPatients()
    await workspace.write('split.csv', '')
    await truncate(workspace.path('split.csv'), 100_000_000)
    expect((await faultOf(workspace, 'split={ manifest: split.csv }')).code).toMatch(/^manifest-/)
  })
})

/** A PNG whose header says one size and whose data are so many bytes of nothing. */
async function bomb(width: number, height: number, bytes: number): Promise<Uint8Array> {
  const png = Buffer.from(await patch(1, 8, 8))
  png.writeUInt32BE(width, 16)
  png.writeUInt32BE(height, 20)
  const data = deflateSync(Buffer.alloc(bytes))
  const chunk = Buffer.concat([Buffer.alloc(4), Buffer.from('IDAT'), data, Buffer.alloc(4)])
  chunk.writeUInt32BE(data.length)
  const end = Buffer.from([0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82])
  return Buffer.concat([png.subarray(0, 33), chunk, end])
}

async function hugeTiff(): Promise<Uint8Array> {
  const tiff = await sharp({ create: { width: 6000, height: 6000, channels: 3, background: 'red' } })
    .tiff({ compression: 'deflate' })
    .toBuffer()
  return new Uint8Array(tiff)
}
