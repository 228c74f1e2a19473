/** `runner init [FOLDER]`: an experiment file to start from, from a folder of images or, without one, for synthetic patches. */
import { access, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, extname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { guessLayout, type GuessedLayout } from '../dataset/guess-layout.ts'
import { parseLayout } from '../dataset/layout.ts'
import { splitNames } from '../dataset/manifest.ts'
import type { Grouped } from '../dataset/divide.ts'
import { splitByGroup, splitByImage, type Shares } from '../dataset/split.ts'
import { surveyImages, type Survey } from '../dataset/survey.ts'
import { systemCode } from '../dataset/system-error.ts'
import { Fault, type ExitCode } from '../diagnostics/diagnostic.ts'
import { schemaFrom, startingFile, type StartingFacts, type StartingSplit } from '../experiment/starting-file.ts'
import { checkExperiment } from './load.ts'
import type { Workspace } from './workspace.ts'

export interface InitRequest {
  /** Null writes a file for synthetic patches. */
  readonly folder: string | null
  /** Null: named after the folder, in experiments/ where that is there. */
  readonly to: string | null
  readonly workspace: Workspace
}

export interface Initialised {
  /** Absolute. */
  readonly file: string
  readonly facts: StartingFacts
}

const seed = 7

/** Throws `Fault` where there are no images, nothing tells classes apart, or the file is there already. */
export async function initExperiment({ folder, to, workspace }: InitRequest): Promise<Initialised> {
  const root = folder === null ? null : resolve(workspace.cwd, folder)
  const name = nameFrom(to === null ? basename(root ?? 'start') : basename(to, extname(to)))
  const file = resolve(workspace.cwd, to ?? join(await defaultFolder(workspace), `${name}.yaml`))
  const common = { name, schema: schemaFrom(dirname(file), workspace.projectRoot) }
  const facts = root === null ? syntheticFacts(common) : await factsOf(root, common, workspace)
  await writeNew(file, startingFile(facts))
  const { value, diagnostics } = await checkExperiment(file, [], workspace)
  if (!value) throw new Error(`Internal error: runner init wrote a file that is at fault: ${JSON.stringify(diagnostics)}`)
  return { file, facts }
}

type Common = Pick<StartingFacts, 'name' | 'schema'>

function syntheticFacts(common: Common): StartingFacts {
  return {
    ...common,
    root: '${IMAGES_ROOT:-datasets/images}',
    isVariable: true,
    layout: '{patient}/{class}/{*}_x{x:int}_y{y:int}_{*}.png',
    classes: [
      { folder: '0', name: 'benign', images: 0 },
      { folder: '1', name: 'malignant', images: 0 },
    ],
    positive: 'malignant',
    found: { images: 0, patients: null, width: 50, height: 50, channels: 3, hasOddSizes: false },
    split: { kind: 'patient', test: 0.2, validation: 0.1, isGuessed: false },
    batchSize: 32,
  }
}

async function factsOf(root: string, common: Common, { home }: Workspace): Promise<StartingFacts> {
  const survey = await look(root)
  const guessed = guessLayout(survey.paths)
  if (!guessed) throw unguessed(root, survey)
  const samples = samplesOf(survey.paths, guessed)
  const classes = guessed.classFolders.map((folder, index) => ({
    folder,
    name: /^\d/u.test(folder) ? `class${folder}` : folder,
    images: samples.filter((sample) => sample.class === index).length,
  }))
  const { split, train } = chooseSplit(samples, guessed)
  return {
    ...common,
    root: rootFrom(root, home),
    isVariable: false,
    layout: guessed.layout,
    classes,
    positive: classes.length === 2 ? guessPositive(classes) : null,
    found: {
      images: samples.length,
      patients: guessed.group === null ? null : new Set(samples.map(({ group }) => group)).size,
      width: survey.width,
      height: survey.height,
      channels: survey.channels,
      hasOddSizes: survey.hasOddSizes,
    },
    split,
    batchSize: batchSizeFor(train),
  }
}

async function look(root: string): Promise<Survey> {
  const found = await stat(root).catch(() => null)
  if (!found?.isDirectory()) throw fault('dataset-missing', `there is no folder ${root}`, 'Name the folder of the images.', 1)
  const survey = await surveyImages(root)
  if (survey.width > 0) return survey
  throw fault('images-missing', `${root} holds no images`, 'PNG, JPEG, TIFF, WebP, GIF and AVIF are looked for, in all folders below.', 1)
}

function unguessed(root: string, { paths }: Survey): Fault {
  const message = `nothing in the names of the ${paths.length} images under ${root} tells classes apart, such as ${JSON.stringify(paths[0])}`
  return fault(
    'layout-unguessed',
    message,
    'Put the images of each class into a folder of its own, or write dataset.layout yourself: docs/data.md.',
    1,
  )
}

/** The group is the patient, or the image itself. */
function samplesOf(paths: readonly string[], { layout, classFolders, group }: GuessedLayout): Grouped[] {
  const { read } = parseLayout(layout)
  return paths.flatMap((path) => {
    const names = read(path)?.names
    const index = classFolders.indexOf(names?.['class'] ?? '')
    return index < 0 ? [] : [{ class: index, group: group === null ? path : (names?.['patient'] ?? path) }]
  })
}

/** Shares to try, the usual first; with few patients larger ones reach every class. */
const sharesToTry: readonly Shares[] = [
  { test: 0.2, validation: 0.1 },
  { test: 0.2, validation: 0.2 },
  { test: 0.25, validation: 0.25 },
  { test: 0.34, validation: 0.33 },
]

/** By patient where there are enough for every class to stand on every side; and how many images are then trained on. */
function chooseSplit(samples: readonly Grouped[], guessed: GuessedLayout): { readonly split: StartingSplit; readonly train: number } {
  const classes = guessed.classFolders.length
  if (guessed.hasSplit) return { split: { kind: 'layout' }, train: samples.length }
  if (guessed.group !== null) {
    for (const shares of sharesToTry) {
      const sides = splitByGroup(samples, classes, shares, seed, true)
      const train = countTrain(samples, sides, classes)
      if (train !== null) return { split: { kind: 'patient', ...shares, isGuessed: guessed.group === 'name' }, train }
    }
  }
  for (const shares of sharesToTry) {
    const train = countTrain(samples, splitByImage(samples, classes, shares, seed, true), classes)
    const leakage = guessed.group === null ? null : 'too few patients to keep them apart'
    if (train !== null) return { split: { kind: 'image', ...shares, leakage }, train }
  }
  throw fault('split-class-missing', 'a class has too few images to train, validate and test on', 'Every class needs 3 images at least.', 1)
}

/** Null where a side lacks a class. */
function countTrain(samples: readonly Grouped[], sides: readonly string[], classes: number): number | null {
  const present = new Set(samples.map((sample, index) => `${sides[index] ?? ''}/${sample.class}`))
  return present.size === splitNames.length * classes ? sides.filter((side) => side === 'train').length : null
}

/** Four steps an epoch at least, and no last batch of a single image, which batch normalization cannot use. */
function batchSizeFor(images: number): number {
  return [32, 16, 8, 12, 6, 4, 3].find((size) => size * 4 <= images && images % size !== 1) ?? 2
}

const findings = /malig|tumou?r|cancer|carcinoma|positive|disease|abnormal|lesion|metast|melanom|infect|pneumon|idc|class1$|^yes$|^true$/iu

/** The one whose name speaks of a finding, else the rarer one. */
function guessPositive(classes: StartingFacts['classes']): string | null {
  const named = classes.filter(({ name }) => findings.test(name))
  const [rarest] = [...classes].sort((a, b) => a.images - b.images)
  return (named.length === 1 ? named[0] : rarest)?.name ?? null
}

/** Relative to where relative roots start, if it lies below. */
function rootFrom(root: string, home: string): string {
  const inside = relative(home, root)
  return inside === '' || inside.startsWith('..') || isAbsolute(inside) ? root : inside.split(sep).join('/')
}

function nameFrom(text: string): string {
  const name = text
    .replace(/[^A-Za-z0-9._-]+/gu, '-')
    .replace(/^[^A-Za-z0-9]+/u, '')
    .slice(0, 80)
  return name === '' ? 'experiment' : name
}

async function defaultFolder({ cwd }: Workspace): Promise<string> {
  const folder = join(cwd, 'experiments')
  return access(folder).then(
    () => folder,
    () => cwd,
  )
}

/** Never over a file that is there. */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' })
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw fault('file-exists', `${file} is there already`, 'Give another name: --to FILE.', 2)
    throw fault(
      'file-unwritable',
      `${file} cannot be written: ${systemCode(error) ?? String(error)}`,
      'Name a file in a folder that is there and yours: --to FILE.',
      2,
    )
  }
}

function fault(code: string, message: string, hint: string, exitCode: ExitCode): Fault {
  return new Fault([{ code, severity: 'error', message, hint }], exitCode)
}
