import { createHash } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { openWorkspace } from './workspace.ts'
import type { Workspace } from './workspace.ts'

const settings = ['dataset.root=${NOWHERE:-nowhere}', 'dataset.whenMissing=synthetic', 'dataset.synthetic={patients: 6, patches: 72}']

async function prepared(workspace: Workspace, ...set: string[]) {
  const { value, diagnostics } = await workspace.prepare(...settings, ...set)
  if (!value) throw new Error(JSON.stringify(diagnostics))
  return value
}

describe('synthetic patches', () => {
  it('stand in for a default root that is absent, named and laid out as the real ones, and say that they are synthetic', async () => {
    await using workspace = await openWorkspace()
    const { isSynthetic, manifest, audit, counts, places } = await prepared(workspace)
    expect(isSynthetic).toBe(true)
    expect(manifest.rows).toHaveLength(72)
    for (const { path } of manifest.rows) expect(path).toMatch(/^(\d+)\/([01])\/\1_idx5_x\d+_y\d+_class\2\.png$/)
    expect(audit).toMatchObject({ groups: 6, usualSize: '50x50', findings: [], groupsWithOneClass: 0 })
    for (const split of ['train', 'validation', 'test'] as const) expect(Math.min(...counts[split].classes)).toBeGreaterThan(0)
    // Each patient's patches tile a stretch of a slide.
    const own = manifest.rows.flatMap(({ group }, index) => (group === manifest.rows[0]?.group ? [places[index]] : []))
    expect(new Set(own.map((place) => `${place?.x ?? ''},${place?.y ?? ''}`)).size).toBe(12)
    expect(own.every((place) => place && (place.x - 1) % 50 === 0 && (place.y - 1) % 50 === 0)).toBe(true)
  })

  it('are the same everywhere, and made once', async () => {
    await using here = await openWorkspace()
    await using there = await openWorkspace()
    const [one, other] = [await prepared(here), await prepared(there)]
    expect(other.manifest).toEqual(one.manifest)
    const bytes = await Promise.all(
      [one, other].map(async ({ pack }) =>
        createHash('sha256')
          .update(await readFile(pack.path))
          .digest('hex'),
      ),
    )
    expect(bytes[0]).toBe(bytes[1])
    await rm(here.path('packs'), { recursive: true })
    const [image = ''] = one.manifest.rows.map(({ path }) => path)
    await here.write(`datasets/${one.root.split('/').at(-1) ?? ''}/${image}`, 'touched')
    expect((await here.prepare(...settings)).diagnostics).toMatchObject([{ code: 'data-unreadable' }])
    expect(await readdir(here.path('datasets'))).toHaveLength(1)
  })

  it('are darker where there is a tumour, in the mean and not in every patch', async () => {
    await using workspace = await openWorkspace()
    const { root, manifest } = await prepared(workspace, 'dataset.synthetic.patches=240')
    const means = await Promise.all(
      manifest.rows.map(async (row) => {
        const { channels } = await sharp(`${root}/${row.path}`).stats()
        return { label: row.class, brightness: channels.reduce((sum, { mean }) => sum + mean, 0) }
      }),
    )
    const of = (label: number): number[] =>
      means.flatMap((patch) => (patch.label === label ? [patch.brightness] : [])).sort((a, b) => a - b)
    const [benign, malignant] = [of(0), of(1)]
    const middle = (values: readonly number[]): number => values[Math.floor(values.length / 2)] ?? 0
    expect(middle(malignant)).toBeLessThan(middle(benign))
    expect(malignant.at(-1)).toBeGreaterThan(benign[0] ?? 0)
  })

  it('follow another layout and other class folders', async () => {
    await using workspace = await openWorkspace()
    const { manifest } = await prepared(
      workspace,
      'dataset.layout="{class}/{patient}-{*}.png"',
      'dataset.classes=[{folder: healthy, name: benign}, {folder: sick, name: malignant}]',
    )
    expect(manifest.rows).toHaveLength(72)
    expect(new Set(manifest.rows.map(({ path }) => path.split('/')[0]))).toEqual(new Set(['healthy', 'sick']))
    expect(new Set(manifest.rows.map(({ group }) => group)).size).toBe(6)
  })

  it('never stand in for a root that was named', async () => {
    await using workspace = await openWorkspace()
    const { diagnostics } = await workspace.prepare('dataset.root=nowhere', 'dataset.whenMissing=synthetic')
    expect(diagnostics).toMatchObject([{ code: 'dataset-missing' }])
  })
})
