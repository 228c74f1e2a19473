/** What the schema cannot say about classes, layout and split. */
import { layoutGroups, layoutPlaceholders } from '../layout.ts'
import type { Finding, Rule } from '../rule.ts'
import { quote, wayOut } from '../sentences.ts'

const error = 'error'

/** Findings for the second and later of equal values. */
function repeated(values: readonly string[], found: (index: number, first: number) => Finding): Finding[] {
  return values.flatMap((value, index) => {
    const first = values.indexOf(value)
    return first < index ? [found(index, first)] : []
  })
}

const classNameTwice: Rule = {
  id: 'class-name-twice',
  severity: error,
  check: ({ written: { dataset } }) =>
    repeated(
      dataset.classes.map(({ name }) => name),
      (index, first) => ({
        path: ['dataset', 'classes', String(index), 'name'],
        message: `classes ${first} and ${index} are both named ${quote(dataset.classes[index]?.name)}`,
        hint: 'Give each class a name of its own.',
      }),
    ),
}

const classFolderTwice: Rule = {
  id: 'class-folder-twice',
  severity: error,
  check: ({ written: { dataset } }) =>
    repeated(
      dataset.classes.map(({ folder }) => folder),
      (index, first) => ({
        path: ['dataset', 'classes', String(index), 'folder'],
        message: `classes ${first} and ${index} are both in the folder ${quote(dataset.classes[index]?.folder)}`,
        hint: 'An image can have one class only.',
      }),
    ),
}

const positiveMissing: Rule = {
  id: 'positive-missing',
  severity: error,
  check: ({ written: { dataset } }) =>
    dataset.classes.length === 2 && dataset.positive === null
      ? [
          {
            path: ['dataset', 'positive'],
            message: 'with two classes the experiment has to say which one is the finding',
            hint: `Add to dataset: positive: ${dataset.classes[1]?.name ?? ''}`,
          },
        ]
      : [],
}

const positiveUnknown: Rule = {
  id: 'positive-unknown',
  severity: error,
  check: ({ written: { dataset } }) => {
    const names = dataset.classes.map(({ name }) => name)
    if (dataset.positive === null || names.includes(dataset.positive)) return []
    return [{ path: ['dataset', 'positive'], message: `${quote(dataset.positive)} is no class`, ...wayOut(dataset.positive, names) }]
  },
}

const positiveNeedless: Rule = {
  id: 'positive-needless',
  severity: error,
  check: ({ written: { dataset } }) =>
    dataset.classes.length > 2 && dataset.positive !== null
      ? [
          {
            path: ['dataset', 'positive'],
            message: `none of ${dataset.classes.length} classes is the positive one`,
            hint: 'Remove the key.',
          },
        ]
      : [],
}

const layoutSyntax: Rule = {
  id: 'layout-syntax',
  severity: error,
  check: ({ written: { dataset } }) =>
    layoutPlaceholders(dataset.layout) === null
      ? [{ path: ['dataset', 'layout'], message: 'the layout cannot be read', expected: 'placeholders such as {patient}, {x:int} or {*}' }]
      : [],
}

const layoutClass: Rule = {
  id: 'layout-class',
  severity: error,
  check: ({ written: { dataset } }) => {
    const placeholders = layoutPlaceholders(dataset.layout)
    if (!placeholders || placeholders.includes('class')) return []
    return [{ path: ['dataset', 'layout'], message: 'the layout does not say where the class stands', hint: 'Put {class} into it.' }]
  },
}

/** Synthetic images are written where the layout says, and nothing is written outside of the data set. */
const layoutOutside: Rule = {
  id: 'layout-outside',
  severity: error,
  check: ({ written: { dataset } }) =>
    /^[/\\]|^[A-Za-z]:|\0/.test(dataset.layout) || dataset.layout.split(/[/\\]/).some((part) => part === '..' || part === '.')
      ? [{ path: ['dataset', 'layout'], message: 'the layout leads out of dataset.root', expected: 'folders and files below the root' }]
      : [],
}

const classFolderOutside: Rule = {
  id: 'class-folder-outside',
  severity: error,
  check: ({ written: { dataset } }) =>
    dataset.classes.flatMap(({ folder }, index) =>
      /[/\\\0]|^\.\.?$/.test(folder)
        ? [
            {
              path: ['dataset', 'classes', String(index), 'folder'],
              message: `${quote(folder)} is no folder's name`,
              hint: 'A class has one folder; what lies above it belongs to the layout.',
            },
          ]
        : [],
    ),
}

const splitBy: Rule = {
  id: 'split-by-unknown',
  severity: error,
  check: ({ written: { dataset, split } }) => {
    const groups = layoutGroups(dataset.layout)
    if (split.by === undefined || split.by === 'image' || layoutPlaceholders(dataset.layout) === null) return []
    if (groups.includes(split.by)) return []
    const message = `the layout has no {${split.by}}`
    return [{ path: ['split', 'by'], message, ...wayOut(split.by, [...groups, 'image']) }]
  },
}

const splitLeak: Rule = {
  id: 'split-leak',
  severity: error,
  check: ({ written: { dataset, split } }) => {
    const [group] = layoutGroups(dataset.layout)
    if (split.by !== 'image' || split.allowLeakage !== null || group === undefined) return []
    return [
      {
        path: ['split', 'by'],
        message: `images of one ${group} would stand on both sides of the split, and flatter the score`,
        hint: `Write by: ${group}, or say why it is wanted: allowLeakage: "<reason>".`,
      },
    ]
  },
}

const leakageNeedless: Rule = {
  id: 'leakage-needless',
  severity: 'warning',
  check: ({ written: { dataset, split } }) =>
    split.allowLeakage !== null && (split.by !== 'image' || layoutGroups(dataset.layout).length === 0)
      ? [
          {
            path: ['split', 'allowLeakage'],
            message: 'nothing leaks here, yet the reason is tagged on the run for ever',
            hint: 'Remove it.',
          },
        ]
      : [],
}

const splitLayout: Rule = {
  id: 'split-layout',
  severity: error,
  check: ({ written: { dataset, split } }) => {
    const placeholders = layoutPlaceholders(dataset.layout)
    if (split.from === undefined || !placeholders || placeholders.includes('split')) return []
    return [
      { path: ['split', 'from'], message: 'the layout does not say where the split stands', hint: 'Put {split} into dataset.layout.' },
    ]
  },
}

const splitShares: Rule = {
  id: 'split-shares',
  severity: error,
  check: ({ written: { split, sweep } }) => {
    if (split.by === undefined) return []
    const hasFolds = split.folds !== null || (sweep?.folds ?? null) !== null
    const validation = typeof split.validation === 'number' ? split.validation : split.validation.ofTraining * (1 - split.test)
    const empty = [
      ...(split.test === 0 ? [{ path: ['split', 'test'], message: 'nothing is left for the test', expected: 'a share above 0' }] : []),
      ...(validation === 0 && !hasFolds
        ? [{ path: ['split', 'validation'], message: 'nothing is left for validation', expected: 'a share above 0' }]
        : []),
    ]
    if (split.test + validation < 1) return empty
    const received = `${split.test} and ${validation}`
    return [
      { path: ['split', 'test'], message: 'test and validation leave nothing to train on', expected: 'less than 1 together', received },
    ]
  },
}

const splitKeysNeedless: Rule = {
  id: 'split-keys',
  severity: error,
  check: ({ written: { split }, isWritten }) => {
    const kind = split.manifest === undefined ? (split.from === undefined ? null : 'from') : 'manifest'
    if (kind === null) return []
    return ['test', 'validation', 'seed', 'stratify', 'allowLeakage', 'folds', 'fold']
      .filter((key) => isWritten(['split', key]))
      .map((key) => ({
        path: ['split', key],
        isKey: true,
        message: `${key} means nothing beside ${kind}, which says it all`,
        hint: 'Remove it.',
      }))
  },
}

const syntheticNever: Rule = {
  id: 'synthetic-never',
  severity: 'warning',
  check: ({ written: { dataset }, rootAsWritten }) =>
    dataset.whenMissing === 'synthetic' && !rootAsWritten.includes(':-')
      ? [
          {
            path: ['dataset', 'whenMissing'],
            message: 'a root that was named is never replaced by synthetic images',
            hint: 'They stand in for the default of ${NAME:-default} only.',
          },
        ]
      : [],
}

export const datasetRules: readonly Rule[] = [
  classNameTwice,
  classFolderTwice,
  positiveMissing,
  positiveUnknown,
  positiveNeedless,
  layoutSyntax,
  layoutClass,
  layoutOutside,
  classFolderOutside,
  splitBy,
  splitLeak,
  leakageNeedless,
  splitLayout,
  splitShares,
  splitKeysNeedless,
  syntheticNever,
]
