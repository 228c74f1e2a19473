import fs from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { renderDiagnostics } from '../../src/diagnostics/frame.ts'
import { positionAt } from '../../src/diagnostics/position.ts'
import { fixtureNames, fixtures, load } from './load.ts'

const leaves = await fixtureNames()

test('there are fixtures', () => expect(leaves.length).toBeGreaterThan(60))

test.each(leaves)('%s is told in full', async (leaf) => {
  const folder = path.join(fixtures, leaf)
  const settings = await fs.readFile(path.join(folder, 'set.txt'), 'utf8').catch(() => '')
  const set = settings.split('\n').filter((line) => line !== '')
  const { diagnostics, sources } = await load('experiment.yaml', { cwd: folder, set })
  await expect(`${renderDiagnostics(diagnostics, sources, { color: false })}\n`).toMatchFileSnapshot(path.join(folder, 'expected.txt'))
  for (const { place, code } of diagnostics) {
    if (!place) continue
    const text = sources.get(place.file)
    expect(text, code).toBeDefined()
    expect(place.offset).toBeLessThanOrEqual(text?.length ?? 0)
    expect(positionAt(text ?? '', place.offset).line).toBeLessThanOrEqual((text ?? '').split('\n').length)
  }
})
