/** What one path of an experiment holds, who said so, and what else it may hold; for a whole file, all of its paths. */
import type { Diagnostic, Place } from '../diagnostics/diagnostic.ts'
import type { Experiment } from './experiment.ts'
import { fillDefaults } from './fill-defaults.ts'
import { branchesOf, childSchema, describeExpected, mapBranch, rootSchema, tagsOf } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { longForm, setSource } from './overrides.ts'
import { readYaml } from './read-yaml.ts'
import * as say from './sentences.ts'
import { childOf, isNull, plainValue, valuePlaceAt } from './tree.ts'
import type { Path, Tree } from './tree.ts'

export interface Explained {
  /** Written out: `optimizer.adagrad.decay`, where `optimizer.decay` was asked for. */
  readonly path: string
  /** Defaults filled in, short forms written out; undefined where the file makes no use of the path. */
  readonly value: unknown
  /** What a word or an absence stands for. */
  readonly means: string | null
  /** The text before variables were replaced. */
  readonly written: string | null
  /** Null where the default stands. */
  readonly place: Place | null
  /** What this value took the place of in the files that are extended, the nearest first. */
  readonly replaces: readonly { readonly value: unknown; readonly place: Place }[]
  readonly description: string
  /** Undefined where there is none. */
  readonly default: unknown
  readonly isRequired: boolean
  readonly allowed: string
  readonly examples: readonly unknown[]
}

/** An experiment as `loadExperiment` gives it. */
export interface Explainable {
  readonly experiment: Experiment
  readonly tree: Tree
  readonly sources: ReadonlyMap<string, string>
}

/** What the path and everything below it hold, the path itself first; or that there is no such path. */
export function explainPath(
  explainable: Explainable,
  path: Path,
): { readonly value: readonly Explained[] } | { readonly fault: Diagnostic } {
  const found = findSpot(spotOfRoot(explainable), path)
  if ('known' in found)
    return { fault: say.unknownPath(path.join('.'), found.part, found.at, found.known, elsewhere(explainable, found.part)) }
  return { value: [found, ...leavesOf(found)].map((spot) => describe(spot, explainable)) }
}

/** Every value of the file, in the schema's order. */
export function explainAll(explainable: Explainable): readonly Explained[] {
  return leavesOf(spotOfRoot(explainable)).map((spot) => describe(spot, explainable))
}

/** A path with the schema, the written tree and the filled value that are found there. */
interface Spot {
  readonly path: Path
  readonly schema: JsonSchema | undefined
  readonly tree: Tree | undefined
  readonly value: unknown
  readonly isRequired: boolean
}

interface Nowhere {
  readonly part: string
  readonly at: string
  readonly known: readonly string[]
}

function spotOfRoot({ tree }: Explainable): Spot {
  return { path: [], schema: rootSchema, tree, value: fillDefaults(rootSchema, plainValue(tree)), isRequired: true }
}

function findSpot(spot: Spot, [part, ...rest]: Path): Spot | Nowhere {
  if (part === undefined) return spot
  const at = spot.path.join('.')
  if (Array.isArray(spot.value)) {
    const ids = (spot.value as readonly unknown[]).map((item) => (isRecord(item) && typeof item['id'] === 'string' ? item['id'] : ''))
    const index = /^\d+$/u.test(part) ? Number(part) : ids.indexOf(part)
    if (index < 0 || index >= ids.length) return { part, at, known: [...ids.filter((id) => id !== ''), `0 … ${ids.length - 1}`] }
    return findSpot(childSpot(spot, String(index)), rest)
  }
  const map = mapBranch(spot.schema)
  if (childSchema(spot.schema, part)) return findSpot(childSpot(spot, part), rest)
  const keys = Object.keys(map?.properties ?? {})
  const tag = kindOf(spot)
  if (tag === undefined) return { part, at, known: keys }
  const inside = findSpot(childSpot(spot, tag), [part, ...rest])
  return 'known' in inside && inside.part === part ? { part, at, known: [...keys, ...inside.known] } : inside
}

/** Of a map that is one of several kinds, the one that it is. */
function kindOf({ schema, value }: Spot): string | undefined {
  return tagsOf(schema).find((tag) => isRecord(value) && value[tag] !== undefined)
}

function childSpot({ path, schema, tree, value }: Spot, part: string): Spot {
  const branch = mapBranch(schema)
  return {
    path: [...path, part],
    schema: childSchema(schema, part),
    tree: childTree(tree, part, schema),
    value: isRecord(value) || Array.isArray(value) ? (value as Readonly<Record<string, unknown>>)[part] : undefined,
    isRequired: branch?.required?.includes(part) === true,
  }
}

function childTree(tree: Tree | undefined, part: string, schema: JsonSchema | undefined): Tree | undefined {
  if (!tree) return undefined
  const long = tree.kind === 'list' ? tree : longForm(tree, schema)
  return long && childOf(long, part)?.value
}

/** What is no map and no list of maps; nothing of a kind that is not the file's. */
function leavesOf(spot: Spot): Spot[] {
  const { value, schema } = spot
  const isListOfMaps = Array.isArray(value) && value.some(isRecord)
  if (!isRecord(value) && !isListOfMaps) return []
  const known = Object.keys(mapBranch(schema)?.properties ?? {}).filter((key) => key in value)
  const parts = [...known, ...Object.keys(value).filter((key) => !known.includes(key))]
  return parts.flatMap((part) => {
    const child = childSpot(spot, part)
    const below = leavesOf(child)
    return below.length > 0 ? below : child.value === undefined ? [] : [child]
  })
}

function describe(spot: Spot, { experiment, sources, tree }: Explainable): Explained {
  const { path, schema = {}, value } = spot
  const own = spot.tree
  const place = own ? valuePlaceAt(own, []) : null
  return {
    path: path.join('.'),
    value,
    means: meaningOf(path, value, experiment),
    written: own?.kind === 'scalar' && own.written !== undefined && own.written !== own.value ? own.written : null,
    place: own && place ? placeOf(own, tree, path) : null,
    replaces: own ? replacedBy(own, path, sources) : [],
    description: schema.description ?? branchesOf(schema).find((branch) => branch.description !== undefined)?.description ?? '',
    default: schema.default,
    isRequired: spot.isRequired,
    allowed: describeExpected(schema),
    examples: schema.examples ?? [],
  }
}

/** The value of a scalar, the key that holds anything larger. */
function placeOf(own: Tree, root: Tree, path: Path): Place {
  return own.kind === 'scalar' ? own.place : valuePlaceAt(root, path)
}

/**
 * Sources stand in the order in which files extend each other. Items of a list are not compared: the lists themselves replace each other,
 * and edits move their items.
 */
function replacedBy(own: Tree, path: Path, sources: ReadonlyMap<string, string>): Explained['replaces'] {
  if (own.kind !== 'scalar' || path.some((part) => /^\d+$/u.test(part))) return []
  const files = [...sources].filter(([file]) => file !== setSource)
  const behind = own.place.file === setSource ? files : files.slice(files.findIndex(([file]) => file === own.place.file) + 1)
  return behind.flatMap(([file, text]) => {
    const { tree } = readYaml({ file, text })
    const spot = tree && findSpot({ path: [], schema: rootSchema, tree, value: plainValue(tree), isRequired: true }, path)
    return spot && 'tree' in spot && spot.tree?.kind === 'scalar' && !isNull(spot.tree)
      ? [{ value: spot.tree.value, place: spot.tree.place }]
      : []
  })
}

/** Words that stand for numbers, and absences that stand for another value. */
function meaningOf(path: Path, value: unknown, { dataset, split, optimizer, training, model, tracking }: Experiment): string | null {
  const [section = ''] = path
  const last = path.at(-1) ?? ''
  const { curve } = optimizer.learningRate
  if (last === 'decay' && value === 'perEpochs' && curve.kind === 'inverseTimeDecay') return String(Number(curve.decay.toPrecision(6)))
  if (last === 'units' && value === 'classes') return String(dataset.classes.length)
  if (split.kind === 'draw' && split.fold && path.slice(0, 2).join('.') === 'split.validation')
    return `validation is fold ${split.fold.number} of ${split.fold.of}; this decides only who is in the test`
  if (last === 'ofTraining' && split.kind === 'draw') return `${split.validation} of all images`
  if (section === 'optimizer' && last === 'epochs' && value === null) return `training.epochs, ${training.epochs}`
  if (path.join('.') === 'tracking.experiment' && value === null) return `the name, ${tracking.experiment}`
  if (section === 'model' && last === 'strides' && value === null) {
    const layer = model.layers[Number(path[2])]
    return layer && 'poolSize' in layer ? `poolSize, ${layer.strides.join(' x ')}` : null
  }
  return null
}

/** Paths of the file that end in what was asked for. */
function elsewhere(explainable: Explainable, part: string): string[] {
  const paths = explainAll(explainable).flatMap(({ path }) => {
    const parts = path.split('.')
    const index = parts.indexOf(part)
    return index < 0 ? [] : [parts.slice(0, index + 1).join('.')]
  })
  return [...new Set(paths)]
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
