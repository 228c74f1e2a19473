/** The layout of CONTRIBUTING.md, held: ranks, no cycles, pure rooms, one room that prints. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ranks: Readonly<Record<string, number>> = {
  diagnostics: 0,
  journal: 0,
  random: 0,
  experiment: 1,
  statistics: 1,
  kernels: 1,
  dataset: 2,
  network: 2,
  graph: 2,
  layers: 3,
  evaluation: 3,
  setup: 3,
  xla: 3,
  engine: 4,
  tracking: 4,
  report: 4,
  run: 5,
  sweep: 6,
  cli: 7,
}
const pure = ['diagnostics', 'journal', 'random', 'experiment', 'statistics', 'dataset', 'network', 'evaluation', 'xla']

const sources = fileURLToPath(new URL('../src', import.meta.url))

interface Source {
  readonly file: string
  readonly room: string
  readonly text: string
  /** Files of src/ that it imports, relative to src/. */
  readonly imports: readonly string[]
  readonly packages: readonly string[]
}

const files: readonly Source[] = readdirSync(sources, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => {
    const text = readFileSync(join(sources, name), 'utf8')
    const targets = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, target = '']) => target)
    const local = targets.filter((target) => target.startsWith('.'))
    return {
      file: name,
      room: name.split('/')[0] ?? '',
      text,
      imports: local.map((target) => relative(sources, join(sources, dirname(name), target))),
      packages: targets.filter((target) => !target.startsWith('.')),
    }
  })

describe('the rooms of src/', () => {
  it('are those that have a rank', () => {
    expect(files.length).toBeGreaterThan(100)
    expect([...new Set(files.map(({ room }) => room))].sort()).toEqual(Object.keys(ranks).sort())
  })

  it('import lower ranks or themselves only', () => {
    const climbing = files.flatMap(({ file, room, imports }) =>
      imports
        .filter((target) => {
          const other = target.split('/')[0] ?? ''
          return other !== room && (ranks[other] ?? Infinity) >= (ranks[room] ?? -1)
        })
        .map((target) => `${file} imports ${target}`),
    )
    expect(climbing).toEqual([])
  })

  it('hold no cycle of files', () => {
    const importsOf = new Map(files.map(({ file, imports }) => [file, imports]))
    const finished = new Set<string>()
    const cycles: string[] = []
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      if (finished.has(file) || path.includes(file)) return
      for (const target of importsOf.get(file) ?? []) visit(target, [...path, file])
      finished.add(file)
    }
    for (const { file } of files) visit(file, [])
    expect(cycles).toEqual([])
  })

  it('name TensorFlow only where it belongs', () => {
    const offenders = files.filter(({ room, packages }) => pure.includes(room) && packages.some((name) => name.startsWith('@tensorflow/')))
    expect(offenders.map(({ file }) => file)).toEqual([])
  })

  it('print, read arguments and set exit codes in cli/ only', () => {
    const words = /\bconsole\.|process\.(stdout|stderr)|process\.exitCode|process\.argv/
    const offenders = files.filter(({ room, file, text }) => room !== 'cli' && !entries.includes(file) && words.test(text))
    expect(offenders.map(({ file }) => file)).toEqual([])
  })
})

/** Files that are programs of their own, started as child processes. */
const entries = ['engine/child.ts', 'setup/probe.ts', 'setup/pjrt-probe.ts']
