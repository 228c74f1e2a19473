/** A file and all it extends, read and merged into one tree whose places lie in the file that holds each value. */
import path from 'node:path'
import type { Diagnostic, Place } from '../diagnostics/diagnostic.ts'
import { rootSchema } from './json-schema.ts'
import { mergeTrees } from './merge.ts'
import { readYaml } from './read-yaml.ts'
import * as say from './sentences.ts'
import { isNull, plainValue, valuePlaceAt } from './tree.ts'
import type { Entry, MapTree, Path } from './tree.ts'

/** A key that says again what an extended file says already. */
export interface Repeated {
  readonly path: Path
  /** Where the key stands. */
  readonly place: Place
}

export interface Reading {
  readonly cwd: string
  readonly readFile: (file: string) => Promise<string>
  /** Filled with the text of every file that is read. */
  readonly sources: Map<string, string>
  readonly diagnostics: Diagnostic[]
  /** Filled with what changes nothing. */
  readonly repeated: Repeated[]
}

/** The merged tree without its `extends`; null where a file of the chain cannot be read. */
export async function readExperimentTree(file: string, reading: Reading): Promise<MapTree | null> {
  return readChain(path.resolve(reading.cwd, file), undefined, [], reading)
}

async function readChain(file: string, saidAt: Place | undefined, chain: readonly string[], reading: Reading): Promise<MapTree | null> {
  const name = nameOf(file, reading.cwd)
  if (saidAt && chain.includes(file)) {
    reading.diagnostics.push(
      say.extendsCycle(
        saidAt,
        [...chain, file].map((link) => nameOf(link, reading.cwd)),
      ),
    )
    return null
  }
  const own = await readOne(file, name, saidAt, reading)
  const base = own?.entries.get('extends')?.value
  if (!own || !base || isNull(base)) return own
  if (base.kind !== 'scalar' || typeof base.value !== 'string') {
    reading.diagnostics.push(say.wrongType(valuePlaceAt(own, ['extends']), 'extends', 'the name of a file', plainValue(base)))
    return null
  }
  const below = await readChain(path.resolve(path.dirname(file), base.value), base.place, [...chain, file], reading)
  const { entries } = own
  const rest: MapTree = { ...own, entries: new Map([...entries].filter(([key]) => key !== 'extends')) }
  const noteSame = (at: Path, { key }: Entry) => reading.repeated.push({ path: at, place: key })
  const merged = below && mergeTrees(below, rest, rootSchema, noteSame)
  return merged?.kind === 'map' ? merged : null
}

async function readOne(file: string, name: string, saidAt: Place | undefined, reading: Reading): Promise<MapTree | null> {
  let text: string
  try {
    text = await reading.readFile(file)
  } catch (error) {
    reading.diagnostics.push(say.fileUnreadable(saidAt, name, whyUnreadable(error)))
    return null
  }
  reading.sources.set(name, text)
  const { tree, diagnostics } = readYaml({ file: name, text })
  reading.diagnostics.push(...diagnostics)
  if (!tree) return null
  if (tree.kind === 'map') return tree
  reading.diagnostics.push(say.notAMap(tree.place))
  return null
}

/** As the user would type it: relative to the working folder. */
function nameOf(file: string, cwd: string): string {
  return path.relative(cwd, file) || file
}

function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EISDIR: 'it is a folder',
    EACCES: 'permission denied',
    ENOTDIR: 'a part of its path is no folder',
  }
  return known[code] ?? (error instanceof Error ? error.message : String(error))
}
