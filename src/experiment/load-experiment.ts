/**
 * From a file to the experiment, or to every fault that keeps it from being one. The phases: read the file and all it extends, apply
 * `--set`, replace variables, hold it against the schema, edit the stack, fill in defaults, apply the rules, normalise.
 */
import { createReadStream } from 'node:fs'
import { text } from 'node:stream/consumers'
import path from 'node:path'
import type { Diagnostic, Outcome } from '../diagnostics/diagnostic.ts'
import type { Sources } from '../diagnostics/frame.ts'
import { hasError, sortDiagnostics } from '../diagnostics/sort.ts'
import { checkSchema } from './check-schema.ts'
import { applyEdits } from './edit-stack.ts'
import type { Experiment, Located } from './experiment.ts'
import { fillDefaults } from './fill-defaults.ts'
import { rootSchema, schemaAt } from './json-schema.ts'
import { normaliseExperiment } from './normalise.ts'
import type { Surroundings } from './normalise.ts'
import { applySettings, setSource, settingsText } from './overrides.ts'
import { readExperimentTree, type Repeated } from './read-experiment.ts'
import { largestText } from './read-yaml.ts'
import type { Rule } from './rule.ts'
import { datasetRules } from './rules/dataset-rules.ts'
import { extendsAdvice } from './rules/extends-advice.ts'
import { foldRules } from './rules/fold-rules.ts'
import { pruneAdvice } from './rules/prune-advice.ts'
import { stackAdvice } from './rules/stack-advice.ts'
import { conditionAdvice, sweepAdvice } from './rules/sweep-advice.ts'
import { sweepConditionRules } from './rules/sweep-condition-rules.ts'
import { sweepRules } from './rules/sweep-rules.ts'
import { trainingRules } from './rules/training-rules.ts'
import type { Written } from './schema/experiment-schema.ts'
import type { Prune } from './schema/sweep.ts'
import { ruleFault } from './sentences.ts'
import { childOf, keyPlaceAt, placesOf, plainTree, plainValue, replaceAt, treeAt, valuePlaceAt } from './tree.ts'
import { sweepAxes, type WrittenSweep } from './sweep-axes.ts'
import { sweepPoints, type SweepPoint } from './sweep-points.ts'
import type { MapTree, Path, Tree } from './tree.ts'
import { replaceVariables } from './variables.ts'
import type { Environment } from './variables.ts'

export interface LoadOptions {
  /** `path=value`, as given to `--set`, in order. */
  readonly set?: readonly string[]
  readonly env: Environment
  /** Places are relative to it, as is the file. */
  readonly cwd: string
  /** `dataset.root` is relative to it. */
  readonly projectRoot: string
  readonly readFile?: (file: string) => Promise<string>
  /** Rules of rooms of higher rank, such as the network's shapes. They see every experiment whose dataset and model the schema accepts. */
  readonly judges?: readonly ((located: Located) => readonly Diagnostic[])[]
}

/** The outcome, and the texts that its frames are cut from, fault or not. */
export type Loaded = Outcome<Located> & {
  readonly sources: Sources
  /** The experiment as it is written, in one tree: the stack as edited, its edits still beside it. Absent where the schema accepts none. */
  readonly tree?: Tree
  /** The points of its `sweep`, each an experiment of its own; absent where it has none. */
  readonly sweep?: Sweep
}

export interface Sweep {
  /** Null: as many as the machine suggests. */
  readonly parallel: number | null
  readonly launcher: NonNullable<Written['sweep']>['launcher']
  readonly metric: string
  /** Null: there are none. */
  readonly folds: number | null
  /** Null: every trial is trained to its end. */
  readonly prune: Prune | null
  readonly points: readonly LoadedPoint[]
}

export interface LoadedPoint extends Omit<SweepPoint, 'tree'> {
  readonly located: Located
}

export const rules: readonly Rule[] = [...datasetRules, ...foldRules, ...trainingRules, ...sweepRules, ...sweepConditionRules]

export async function loadExperiment(file: string, options: LoadOptions): Promise<Loaded> {
  const sources = new Map<string, string>()
  const diagnostics: Diagnostic[] = []
  const finish = (value?: Located, tree?: Tree, sweep?: Sweep): Loaded => {
    const sorted = sortDiagnostics(diagnostics)
    const rest = { diagnostics: sorted, sources, ...(tree ? { tree } : {}), ...(sweep ? { sweep } : {}) }
    return value && !hasError(sorted) ? { value, ...rest } : rest
  }

  const readFile = options.readFile ?? readStart
  const repeated: Repeated[] = []
  const read = await readExperimentTree(file, { cwd: options.cwd, readFile, sources, diagnostics, repeated })
  if (!read) return finish()

  const settings = options.set ?? []
  if (settings.length > 0) sources.set(setSource, settingsText(settings))
  const set = applySettings(read, settings, diagnostics)
  const tree = replaceVariables(set, options.env, diagnostics)

  const judged = judgeTree(tree, repeated, sources, diagnostics, options)
  const sweep = judged?.sweep && tree.kind === 'map' ? loadPoints(tree, judged.sweep, judged.located, diagnostics, options) : undefined
  return finish(judged?.located, judged?.tree, sweep)
}

/** Every point is judged as a file of its own would be. A fault that the file has without its sweep, or that several points share, is told once. */
function loadPoints(tree: MapTree, sweep: WrittenSweep, whole: Located, diagnostics: Diagnostic[], options: LoadOptions): Sweep {
  const { parallel, launcher, metric, folds, prune } = sweep
  const known = new Set(diagnostics.map((diagnostic) => JSON.stringify(diagnostic)))
  const points = sweepPoints(tree, sweep, diagnostics).flatMap(({ tree: own, ...point }): LoadedPoint[] => {
    const found: Diagnostic[] = []
    const judged = judgeTree(own, [], whole.sources, found, options)
    const fresh = found.filter((diagnostic) => !known.has(JSON.stringify(diagnostic)))
    for (const diagnostic of fresh) {
      known.add(JSON.stringify(diagnostic))
      diagnostics.push({
        ...diagnostic,
        message: `${diagnostic.message.replace(/\.$/u, '')} (in the sweep's point ${JSON.stringify(point.group)})`,
      })
    }
    return judged ? [{ ...point, located: judged.located }] : []
  })
  const first = points.filter(({ seed, fold }) => seed === points[0]?.seed && fold === points[0].fold)
  if (!hasError(diagnostics))
    diagnostics.push(
      ...sweepAdvice(
        whole,
        first.map(({ group, axes, located: { experiment } }) => ({ name: group, axes, experiment })),
      ),
      ...conditionAdvice(whole, sweepAxes(sweep), first),
      ...(prune
        ? pruneAdvice(
            whole,
            prune,
            points.map(({ located: { experiment } }) => experiment),
          )
        : []),
    )
  return { parallel, launcher, metric, folds, prune, points }
}

interface Judged {
  readonly located: Located
  /** As edited, with the edits beside. */
  readonly tree: Tree
  readonly sweep: Written['sweep']
}

/** Null where the schema accepts none of it. */
function judgeTree(
  tree: Tree,
  repeated: readonly Repeated[],
  sources: Sources,
  diagnostics: Diagnostic[],
  options: LoadOptions,
): Judged | null {
  const checked = checkTree(tree, diagnostics)
  if (!checked) return null
  const written = fillDefaults(rootSchema, plainValue(checked.tree)) as Written
  const { rootAsWritten, ...surroundings } = surroundingsOf(checked.tree, options)
  diagnostics.push(...applyRules(written, rootAsWritten, checked))

  const experiment = deepFreeze(normaliseExperiment(written, { rootAsWritten, ...surroundings }))
  const located: Located = { experiment, places: placesOf(checked.tree), sources }
  diagnostics.push(...extendsAdvice(located, repeated))
  const isSound = !checked.faulty.some(([section = '']) => section === 'dataset' || section === 'model')
  if (isSound) diagnostics.push(...stackAdvice(located), ...(options.judges ?? []).flatMap((judge) => judge(located)))
  return {
    located,
    tree: withEdits(checked.tree, tree),
    sweep: checked.faulty.some(([section]) => section === 'sweep') ? null : written.sweep,
  }
}

/** No more of a file than shows that it is too large: a name may lead to something without an end. */
function readStart(file: string): Promise<string> {
  return text(createReadStream(file, { end: 4 * largestText }))
}

interface Checked {
  /** What the schema accepts: the whole tree, or what is left of it without its faults. */
  readonly tree: Tree
  /** What the schema found at fault; something harmless stands there now. */
  readonly faulty: readonly Path[]
}

/** Null where too little is left to judge by rules. Faults are noted, then taken out, so that the rules find theirs in the same go. */
function checkTree(tree: Tree, diagnostics: Diagnostic[]): Checked | null {
  const faults = checkSchema(tree)
  diagnostics.push(...faults.map(({ diagnostic }) => diagnostic))
  const faulty = faults.map(({ path: at }) => at)
  const whole = faulty.length === 0 ? tree : withoutFaults(tree, faulty)
  if (!whole) return null
  const edited = applyEdits(whole, diagnostics)
  const editFaults = edited === whole ? [] : checkSchema(edited)
  diagnostics.push(...editFaults.map(({ diagnostic }) => diagnostic))
  return editFaults.length > 0 ? null : { tree: edited, faulty }
}

/** Null where the schema does not accept the rest either. In the place of a wrong value stands its default, or an example. */
function withoutFaults(tree: Tree, paths: readonly Path[]): Tree | null {
  // From the end, so that an item that is taken out of a list moves none that is still to come.
  const rest = paths.reduceRight<Tree>((current, at) => {
    const schema = schemaAt(at)
    const value = schema?.default ?? schema?.examples?.[0]
    return treeAt(current, at) ? replaceAt(current, at, value === undefined ? undefined : plainTree(value, tree.place)) : current
  }, tree)
  return checkSchema(rest).length === 0 ? rest : null
}

/** `applyEdits` takes them out; who asks what the file says wants to see them. */
function withEdits(edited: Tree, tree: Tree): Tree {
  const [model, before] = [treeAt(edited, ['model']), treeAt(tree, ['model'])]
  const edits = before && childOf(before, 'edit')
  if (model?.kind !== 'map' || !edits) return edited
  return replaceAt(edited, ['model'], { ...model, entries: new Map([...model.entries, ['edit', edits]]) })
}

/** A rule is silent on what the schema found at fault: it sees something else there than the user wrote. */
function applyRules(written: Written, rootAsWritten: string, { tree, faulty }: Checked): Diagnostic[] {
  const context = { written, rootAsWritten, isWritten: (at: Path) => treeAt(tree, at) !== undefined }
  return rules.flatMap(({ id, severity, check }) =>
    check(context)
      .filter(({ path: at }) => !faulty.some((other) => isWithin(at, other) || isWithin(other, at)))
      .map(({ path: at, isKey, message, ...more }) => {
        const place = isKey === true ? keyPlaceAt(tree, at) : valuePlaceAt(tree, at)
        return ruleFault(id, place, message, { severity, ...more })
      }),
  )
}

function isWithin(inner: Path, outer: Path): boolean {
  return outer.every((part, index) => inner[index] === part)
}

function surroundingsOf(tree: Tree, { cwd, projectRoot }: LoadOptions): Surroundings {
  const root = treeAt(tree, ['dataset', 'root'])
  const manifest = treeAt(tree, ['split', 'manifest'])
  const saysManifest = manifest && manifest.place.file !== setSource ? path.dirname(manifest.place.file) : '.'
  const scalar = root?.kind === 'scalar' ? root : undefined
  return {
    projectRoot,
    manifestFolder: path.resolve(cwd, saysManifest),
    rootAsWritten: scalar?.written ?? String(scalar?.value ?? ''),
    isDefaultRoot: scalar?.isDefault ?? false,
  }
}

function deepFreeze(experiment: Experiment): Experiment {
  freeze(experiment)
  return experiment
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  Object.values(value).forEach(freeze)
}
