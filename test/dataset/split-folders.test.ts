import { readdir, readFile, stat } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { writeSplitFolders } from '../../src/dataset/split-folders.ts'
import { openPatients } from './workspace.ts'

it("the tutorial's folders hold every image once, and are the same split when they are read again", async () => {
  await using workspace = await openPatients()
  const { value: data } = await workspace.prepare()
  if (!data) throw new Error('the data set is sound')
  expect(await writeSplitFolders(data.manifest, data.root, workspace.path('split'))).toEqual([])
  expect((await readdir(workspace.path('split'))).sort()).toEqual(['testing', 'training', 'validation'])
  for (const { path, split, label } of data.manifest.rows) {
    const folder = { train: 'training', validation: 'validation', test: 'testing' }[split]
    const copy = await readFile(workspace.path(`split/${folder}/${label}/${path.replaceAll('/', '__')}`))
    expect(copy).toEqual(await readFile(`${data.root}/${path}`))
  }
  const { value: again } = await workspace.prepare(
    'dataset.root=split',
    'dataset.layout="{split}/{class}/{patient}__{*}"',
    'dataset.classes=[{folder: benign, name: benign}, {folder: malignant, name: malignant}]',
    'split={from: layout}',
  )
  expect(again?.counts).toEqual(data.counts)
})

it('a folder that holds something is refused, and stays as it is', async () => {
  await using workspace = await openPatients()
  const { value: data } = await workspace.prepare()
  if (!data) throw new Error('the data set is sound')
  await workspace.write('split/mine.txt', 'precious')
  expect(await writeSplitFolders(data.manifest, data.root, workspace.path('split'))).toMatchObject([{ code: 'folder-not-empty' }])
  expect(await readdir(workspace.path('split'))).toEqual(['mine.txt'])
  expect(await writeSplitFolders(data.manifest, data.root, workspace.path('split/mine.txt'))).toMatchObject([{ code: 'folder-not-empty' }])
  expect((await stat(workspace.path('split/mine.txt'))).isFile()).toBe(true)
})
