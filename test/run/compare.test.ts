/** `runner compare` over run folders: which runs are held against each other, what is refused, and what is kept of it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readJournal } from '../../src/journal/journal.ts'
import type { RunFolder } from '../../src/journal/run-folder.ts'
import { compareRuns, type CompareRequest } from '../../src/run/compare.ts'
import type { StoryEvent } from '../../src/run/story.ts'
import type { Workspace } from '../../src/run/workspace.ts'
import { makeHome, projectRoot, type Home } from '../runner.ts'
import { writeRun } from './compared-runs.ts'

let home: Home
let workspace: Workspace
let weak: readonly RunFolder[]
let strong: readonly RunFolder[]

beforeAll(async () => {
  home = await makeHome()
  workspace = { projectRoot, home: home.path, cwd: home.path, environment: {}, now: () => 1_770_000_000_000 }
  const write = (rate: number, separation: number) => (seed: number) =>
    writeRun(home.path, rate * 100 + seed, { set: [`seed=${seed}`, 'split.seed=7', `model.layers.3.dropout=${rate}`], separation })
  weak = await Promise.all([1, 2, 3, 4, 5].map(write(0.5, 1.5)))
  strong = await Promise.all([1, 2, 3, 4, 5].map(write(0.25, 2.5)))
})
afterAll(() => home.remove())

const idsOf = (runs: readonly RunFolder[]): string[] => runs.map(({ id }) => id)

function compare(runs: readonly RunFolder[], request: Partial<CompareRequest> = {}) {
  return compareRuns({
    runs: idsOf(runs),
    groups: [],
    split: 'validation',
    metric: null,
    reference: null,
    workspace,
    listen: () => undefined,
    ...request,
  })
}

async function faultOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'no fault',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
}

describe('which runs are held against each other', () => {
  it('runs that differ in the seed only are one variant, named by what tells it apart', async () => {
    const { comparison, caveats } = await compare([...strong, ...weak])
    expect(comparison).toMatchObject({ metric: 'roc_auc', images: 240, patients: 12, units: 'patients' })
    expect(comparison.groups.map(({ name, runs }) => [name, runs.map(({ seed }) => seed)])).toEqual([
      ['smoke dropout 0.25', [1, 2, 3, 4, 5]],
      ['smoke dropout 0.5', [1, 2, 3, 4, 5]],
    ])
    expect(comparison.pairs).toMatchObject([{ kind: 'variants', verdict: { better: 'smoke dropout 0.25' } }])
    expect(caveats).toEqual(['synthetic'])
  })

  it('where all are one variant, each stands for itself: models are compared, and nothing is said of variants', async () => {
    const { comparison } = await compare(strong.slice(0, 2))
    expect(comparison.pairs).toMatchObject([{ first: 'smoke seed=1', second: 'smoke seed=2', kind: 'models', verdict: { better: null } }])
  })

  it('groups may be named, and then hold what they are told to', async () => {
    const groups = [`a=${idsOf(strong).join(',')}`, `b=${idsOf(weak).join(',')}`]
    const { comparison } = await compare([], { groups, metric: 'sensitivity', reference: 'b' })
    expect(comparison.pairs).toMatchObject([{ first: 'a', second: 'b', verdict: { better: 'a' } }])
  })
})

it('a folder stands for the finished runs in it, and those that are not are named', async () => {
  const run = (seed: number) => writeRun(join(home.path, 'folder'), seed, { set: [`seed=${seed}`, 'split.seed=7'], separation: 2 })
  await run(1)
  await run(2)
  const third = await run(3)
  await writeFile(third.journal, (await readFile(third.journal, 'utf8')).replace(/.*"run-ended".*\n/, ''))
  const said: StoryEvent[] = []
  const listen = (event: StoryEvent): void => void said.push(event)
  const { runs } = await compare([], { runs: [join(home.path, 'folder/runs/smoke')], listen })
  expect(runs.map(({ seed }) => seed)).toEqual([1, 2])
  expect(said).toMatchObject([{ type: 'warnings', diagnostics: [{ code: 'run-unfinished', severity: 'warning' }] }])
})

describe('folds of a cross-validation', () => {
  /** Patients 10 and 11 are the test; of the others every third validates. */
  const writeFold = (rate: number, seed: number, fold: number, of = 3) =>
    writeRun(join(home.path, 'folds'), rate * 1000 + seed * 10 + fold, {
      set: [`seed=${seed}`, 'split.seed=7', `split.folds=${of}`, `split.fold=${fold}`, `model.layers.3.dropout=${rate}`],
      separation: rate === 0.25 ? 2.5 : 1.5,
      change: (row) => {
        const patient = Number(row.group.replace('patient ', ''))
        return { ...row, split: patient > 9 ? 'test' : patient % of === fold - 1 ? 'validation' : 'train' }
      },
    })
  const all: RunFolder[] = []
  beforeAll(async () => {
    for (const rate of [0.25, 0.5]) for (const seed of [1, 2]) for (const fold of [1, 2, 3]) all.push(await writeFold(rate, seed, fold))
  })
  const workspaceOfFolds = (): Workspace => ({ ...workspace, home: join(home.path, 'folds') })

  it('are one variant with their seeds, judged on everybody whom the test leaves', async () => {
    const { comparison } = await compare(all, { workspace: workspaceOfFolds() })
    expect(comparison).toMatchObject({ folds: 3, images: 400, patients: 10 })
    expect(comparison.groups.map(({ name, seeds, runs }) => [name, seeds, runs.map(({ seed, fold }) => [seed, fold])])).toEqual(
      ['smoke dropout 0.25', 'smoke dropout 0.5'].map((name) => [name, 2, [1, 2].flatMap((seed) => [1, 2, 3].map((fold) => [seed, fold]))]),
    )
    for (const { mean, runs } of comparison.groups) expect(mean).toBeCloseTo(runs.reduce((sum, { value }) => sum + value, 0) / 6, 12)
    expect(comparison.pairs).toMatchObject([{ kind: 'variants', permutation: null, mcnemar: null, delong: null }])
    expect(comparison.pairs[0]?.verdict.sentence).toContain(
      'nothing is claimed: 2 seeds each, of 3 folds, and a claim about variants needs 5',
    )
  })

  it('of one variant are compared seed by seed', async () => {
    const { comparison } = await compare(all.slice(0, 6), { workspace: workspaceOfFolds() })
    expect(comparison.groups.map(({ name, runs }) => [name, runs.length])).toEqual([
      ['smoke seed=1', 3],
      ['smoke seed=2', 3],
    ])
    expect(comparison.pairs[0]?.verdict.sentence).toContain('nothing is claimed: 1 seed each, of 3 folds')
  })

  it('of which one is missing take their seed with them, and it is said', async () => {
    const said: StoryEvent[] = []
    const listen = (event: StoryEvent): void => void said.push(event)
    const { comparison } = await compare(all.slice(0, 11), { workspace: workspaceOfFolds(), listen })
    expect(comparison.groups.map(({ seeds }) => seeds)).toEqual([2, 1])
    expect(said).toMatchObject([{ diagnostics: [{ code: 'compare-fold-missing', severity: 'warning' }] }])
    expect(JSON.stringify(said)).toContain('is left out: fold 3 is missing')
  })

  it('are not held against runs without, nor against folds of another number', async () => {
    const [first, second] = all
    if (!first || !second) throw new Error('no run')
    const others = [
      await writeFold(0.5, 1, 1, 2),
      await writeRun(join(home.path, 'folds'), 999, { set: ['seed=1', 'split.seed=7'], separation: 2 }),
    ]
    for (const other of others)
      expect(await faultOf(compare([first, second, other], { workspace: workspaceOfFolds() }))).toBe(
        `compare-differs: ${first.id} and ${other.id} are not of one cross-validation`,
      )
  })

  it('of one number only are a validation as any other', async () => {
    const { comparison } = await compare(
      [0, 6].flatMap((index) => all[index] ?? []),
      { workspace: workspaceOfFolds() },
    )
    expect(comparison).toMatchObject({ folds: null, patients: 4, pairs: [{ kind: 'models' }] })
  })

  it('have all been asked about the same test images', async () => {
    const { comparison } = await compare(all, { workspace: workspaceOfFolds(), split: 'test' })
    expect(comparison).toMatchObject({ folds: 3, images: 80, patients: 2 })
  })
})

it('of a variant with a pruned seed no seed is compared, and each that is left out is named', async () => {
  const trial = (variant: string, seed: number, status: 'finished' | 'pruned' = 'finished') =>
    writeRun(join(home.path, 'sweep'), seed, { set: [`seed=${seed}`, 'split.seed=7'], separation: 2, variant, status })
  const [kept, left, pruned] = [await trial('slow', 1), await trial('fast', 1), await trial('fast', 2, 'pruned')]
  const also = [await trial('slow', 2), await trial('slower', 1), await trial('slower', 2)]
  const said: StoryEvent[] = []
  const listen = (event: StoryEvent): void => void said.push(event)
  const { comparison } = await compare([], { runs: [join(home.path, 'sweep/runs/smoke')], listen })
  expect(comparison.groups.flatMap(({ runs }) => runs.map(({ run }) => run)).sort()).toEqual(idsOf([kept, ...also]).sort())
  const diagnostics = said.flatMap((event) => (event.type === 'warnings' ? event.diagnostics : []))
  expect(diagnostics.map(({ code, severity, message }) => [code, severity, message.split(' ')[0]])).toEqual([
    ['run-unfinished', 'warning', pruned.id],
    ['variant-pruned', 'warning', left.id],
  ])
})

describe('what is refused', () => {
  it('other images, and how they differ', async () => {
    const other = await writeRun(home.path, 900, {
      set: ['seed=9', 'split.seed=7'],
      separation: 2,
      patients: 13,
      change: (row) => {
        if (row.path === '0002.png') return { ...row, sha256: '0'.repeat(64) }
        return row.path === '0004.png' ? { ...row, group: 'patient 11' } : row
      },
    })
    const [first] = strong
    if (!first) throw new Error('no run')
    const fault = await faultOf(compare([first, other]))
    expect(fault).toBe(
      `compare-differs: ${first.id} and ${other.id} have other validation images: 20 that only the second has, such as 0480.png; 1 that have other pixels, such as 0002.png; 1 that belong to another group, such as 0004.png`,
    )
  })

  it('one training counted twice, too few runs, metrics and groups that are not there', async () => {
    const [first] = strong
    const [second] = weak
    if (!first || !second) throw new Error('no run')
    const again = await writeRun(home.path, 901, { set: ['seed=1', 'split.seed=7', 'model.layers.3.dropout=0.25'], separation: 2 })
    expect(await faultOf(compare([first, again, second]))).toContain('have the same seed 1: one training, which must not count twice')
    expect(await faultOf(compare([first, first]))).toContain('compare needs two runs or more')
    expect(await faultOf(compare([first, second], { metric: 'roc_acu' }))).toContain('runs are not compared by "roc_acu"')
    expect(await faultOf(compare([first, second], { reference: 'third' }))).toContain('there is no group "third"')
    expect(await faultOf(compare([], { groups: ['a', 'b=c'] }))).toContain('a group is written NAME=RUN,RUN')
  })
})

it('reading the test images is written into the journal of every run; reading validation is not', async () => {
  const runs = [...strong.slice(0, 1), ...weak.slice(0, 1)]
  const readings = () =>
    Promise.all(runs.map(async ({ journal }) => (await readJournal(journal)).events.filter(({ type }) => type === 'test-read').length))
  await compare(runs)
  expect(await readings()).toEqual([0, 0])
  expect(await compare(runs, { split: 'test' })).toMatchObject({ testReadings: 2 })
  expect(await compare(runs, { split: 'test' })).toMatchObject({ testReadings: 4 })
  expect(await readings()).toEqual([2, 2])
})

it('the command prints JSON for programs, and a page that loads nothing', async () => {
  const page = join(home.path, 'comparison.html')
  const { exitCode, stdout } = await home.runner([
    'compare',
    ...idsOf([...strong, ...weak]),
    '--format',
    'json',
    '--html',
    page,
    '--no-log',
  ])
  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ version: 1, split: 'validation', pairs: [{ verdict: { better: 'smoke dropout 0.25' } }] })
  const html = await readFile(page, 'utf8')
  expect(html).toContain('smoke dropout 0.25 is better than smoke dropout 0.5')
  expect(html.replaceAll(/http:\/\/www\.w3\.org\/\S+/g, '')).not.toMatch(/https?:|<script|<link/)
})
