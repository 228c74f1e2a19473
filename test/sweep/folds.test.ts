/** A cross-validated sweep on the real command line: who validates where, what its table says, and what a comparison makes of it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readManifest } from '../../src/dataset/manifest-csv.ts'
import { readJournal } from '../../src/journal/journal.ts'
import { listSweeps, runsInside } from '../../src/journal/run-folder.ts'
import { foldRun } from '../../src/journal/run-state.ts'
import { readShown } from '../../src/sweep/judge-trial.ts'
import { makeHome, projectRoot, readJson, untracked, type Home } from '../runner.ts'

let home: Home
let file: string
beforeAll(async () => {
  home = await makeHome()
  file = join(home.path, 'folded.yaml')
  await writeFile(
    file,
    `extends: ${relative(home.path, join(projectRoot, 'experiments/smoke.yaml'))}
name: folded
training: { epochs: 1 }
sweep:
  variants: { plain: { augmentation: null }, turned: {} }
  folds: 2
  repeats: 2
`,
  )
})
afterAll(() => home.remove())

it('trains each variant once for each fold and seed, and takes them for repeats', { timeout: 120_000 }, async () => {
  const { exitCode, stdout } = await home.runner([file, ...untracked])
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/variant +trials +val\/roc_auc +95 % over folds\n/)
  expect(stdout).toMatch(/plain +4 +0\.\d{4} +\d\.\d{4} to \d\.\d{4}\n/)
  expect(stdout).toContain('models of different folds share training images')

  const [sweep] = await listSweeps(join(home.path, 'runs'))
  if (!sweep) throw new Error('no sweep')
  const trials = await Promise.all(
    (await runsInside(sweep.path)).map(async ({ journal, split, plan }) => {
      const { events } = await readJournal(journal)
      const rows = readManifest(await readFile(split, 'utf8'), 'split.csv', ['benign', 'malignant']).value ?? []
      const groupsIn = (name: string): string[] => [...new Set(rows.flatMap((row) => (row.split === name ? [row.group] : [])))].sort()
      return { started: foldRun(events).started, events, groupsIn, plan: await readFile(plan, 'utf8') }
    }),
  )
  const named = (name: string) => trials.find(({ started }) => started?.name === name)
  const [first, second] = [named('plain fold=1 seed=7'), named('plain fold=2 seed=7')]
  expect(first?.started?.tags).toMatchObject({ fold: '1 of 2', 'runner.variant': 'plain', 'axis.variant': 'plain' })
  expect(first?.plan).toContain('validation is fold 1 of 2; the test is the same for all folds')
  expect(second?.groupsIn('test')).toEqual(first?.groupsIn('test'))
  expect(second?.groupsIn('validation')).toEqual(first?.groupsIn('train'))
  expect(second?.groupsIn('train')).toEqual(first?.groupsIn('validation'))
  expect(named('turned fold=2 seed=8')?.groupsIn('validation')).toEqual(second?.groupsIn('validation'))
  // A pruner compares trials of one block: the same seed and the same validation images.
  const blocks = new Map(trials.map(({ started, events }) => [started?.name ?? '', readShown(events, 'val/roc_auc')?.block]))
  expect(new Set(blocks.values()).size).toBe(4)
  for (const repeat of ['fold=1 seed=7', 'fold=2 seed=8']) expect(blocks.get(`plain ${repeat}`)).toBe(blocks.get(`turned ${repeat}`))

  expect(await readJson(sweep.metrics)).toMatchObject({
    variants: [{ folds: { planned: 2, missing: 0 } }, { planned: 4 }],
    trials: ['plain', 'turned', 'plain', 'turned']
      .map((variant, index) => ({ variant, seed: 7, fold: index < 2 ? 1 : 2 }))
      .concat(['plain', 'turned', 'plain', 'turned'].map((variant, index) => ({ variant, seed: 8, fold: index < 2 ? 1 : 2 }))),
  })

  const compared = await home.runner(['compare', sweep.path, '--no-log'])
  expect(compared.exitCode).toBe(0)
  expect(compared.stdout).toMatch(/roc_auc on validation: 72 images of 6 patients/)
  expect(compared.stdout).toMatch(/turned − plain|plain − turned/)
  expect(compared.stdout).toContain('nothing is claimed: 2 seeds each, of 2 folds')
  expect(compared.stdout).toContain('metrics are means over the 2 folds of a seed, whose models share training patients')
})
