/** Experiment files made to fill the memory or to write elsewhere: a clear fault within seconds, and nothing is written. */
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { renderDiagnostics } from '../../src/diagnostics/frame.ts'
import { load, loadText } from './load.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runner-hostile-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const laughs = Array.from(
  { length: 12 },
  (_, level) =>
    `a${level}: &a${level} [${Array(9)
      .fill(level === 0 ? 'ha' : `*a${level - 1}`)
      .join(', ')}]`,
)

describe('a file that unfolds', () => {
  it.each([
    ['into billions of values', laughs.join('\n'), 'too-many-values'],
    ['into itself', 'a: &a [*a]', 'nested-too-deep'],
    ['into twenty thousand levels', `a: ${'['.repeat(20_000)}`, 'nested-too-deep'],
    ['into twenty thousand closed levels', `a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`, 'nested-too-deep'],
    ['into code', 'name: !!js/function "function () { return 1 }"', 'yaml-tag'],
  ])('%s is refused', async (_, text, code) => {
    await writeFile(join(folder, 'bomb.yaml'), text)
    const { value, diagnostics, sources } = await load('bomb.yaml', { cwd: folder })
    expect(value).toBeUndefined()
    expect(diagnostics.map((one) => one.code)).toContain(code)
    expect(renderDiagnostics(diagnostics, sources, { color: false }).length).toBeLessThan(5000)
    expect(await readdir(folder)).toEqual(['bomb.yaml'])
  })

  it('from 100 MB is refused, itself or what it extends', async () => {
    await writeFile(join(folder, 'huge.yaml'), '')
    await truncate(join(folder, 'huge.yaml'), 20_000_000)
    await writeFile(join(folder, 'small.yaml'), 'extends: huge.yaml')
    for (const file of ['huge.yaml', 'small.yaml']) {
      const { diagnostics, sources } = await load(file, { cwd: folder })
      expect(diagnostics.map(({ code }) => code)).toEqual(['file-too-large'])
      expect(renderDiagnostics(diagnostics, sources, { color: false }).length).toBeLessThan(2000)
    }
  })

  it.skipIf(process.platform === 'win32')('without an end is not read to it', async () => {
    const { diagnostics } = await load('/dev/zero', { cwd: folder })
    expect(diagnostics.map(({ code }) => code)).toEqual(['file-too-large'])
  })
})

describe('a path that leaves the data set', () => {
  const base = 'extends: base.yaml\n'
  it.each([
    ['layout: "../{patient}/{class}/{*}.png"', 'layout-outside'],
    ['layout: "{patient}/../../{class}/{*}.png"', 'layout-outside'],
    ['layout: "/tmp/{class}/{*}.png"', 'layout-outside'],
    ['layout: "C:/{class}/{*}.png"', 'layout-outside'],
    ['layout: "{patient}/{class}/\\0{*}.png"', 'layout-outside'],
    ['classes: [{ folder: "../../0", name: benign }, { folder: "1", name: malignant }]', 'class-folder-outside'],
    ['classes: [{ folder: "..", name: benign }, { folder: "1", name: malignant }]', 'class-folder-outside'],
    ['classes: [{ folder: "/tmp/0", name: benign }, { folder: "1", name: malignant }]', 'class-folder-outside'],
    ['classes: [{ folder: "\\0", name: benign }, { folder: "1", name: malignant }]', 'class-folder-outside'],
  ])('by %s is a fault', async (line, code) => {
    const { value, diagnostics } = await loadText(`${base}dataset:\n  ${line}\n`)
    expect(value).toBeUndefined()
    expect(diagnostics.map((one) => one.code)).toContain(code)
  })
})
