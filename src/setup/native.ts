/** TensorFlow operations of our own (native/), compiled to objects that are linked into the binding: loading it registers them. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import { runProgram, type Finished } from './child-process.ts'
import type { Places } from './places.ts'
import { unknownSetting } from './unknown-setting.ts'

const flags = ['-std=c++17', '-fPIC', '-pthread', '-ffp-contract=fast']

/** Kinds of processors by the floats in a register and the rows of a tile that its registers hold; chosen when TensorFlow is loaded. */
const processors = [
  { name: 'plain', options: [], vector: 4, tileRows: 4 },
  ...(process.arch === 'x64'
    ? [
        { name: 'v3', options: ['-march=haswell'], vector: 8, tileRows: 6 },
        { name: 'v4', options: ['-march=skylake-avx512', '-mprefer-vector-width=512'], vector: 16, tileRows: 8 },
      ]
    : []),
]

interface Unit {
  readonly source: string
  readonly object: string
  readonly options: readonly string[]
}

const units: readonly Unit[] = [
  { source: 'operations.cc', object: 'operations.o', options: ['-O2'] },
  { source: 'threads.cc', object: 'threads.o', options: ['-O2'] },
  ...processors.flatMap(({ name, options, vector, tileRows }) =>
    ['separable', 'dropout'].map((kernel) => ({
      source: `${kernel}.cc`,
      object: `${kernel}-${name}.o`,
      options: ['-O3', ...options, `-DPROCESSOR=${name}`, `-DVECTOR=${vector}`, `-DTILE_ROWS=${tileRows}`],
    })),
  ),
]

/** Compiles into that folder; the objects, or what the compiler said where it failed. */
export async function compileNative(
  places: Places,
  { compiler, include, into, environment }: { compiler: string; include: string; into: string; environment: NodeJS.ProcessEnv },
): Promise<readonly string[] | Finished> {
  const objects: string[] = []
  for (const { source, object, options } of units) {
    const output = join(into, object)
    const args = [...flags, ...options, `-I${include}`, '-c', join(places.nativeSources, source), '-o', output]
    const compiled = await runProgram(compiler, args, { environment })
    if (compiled.exitCode !== 0) return compiled
    objects.push(output)
  }
  return objects
}

/** Everything that decides what is compiled. The way to PJRT (pjrt.ts) lies in the same folder and is compiled apart. */
export function nativeSources(places: Places): readonly (string | Buffer)[] {
  return [
    ...flags,
    ...units.flatMap(({ source, object, options }) => [source, object, ...options]),
    ...readdirSync(places.nativeSources)
      .filter((name) => name !== basename(places.pjrtSource))
      .sort()
      .map((name) => readFileSync(join(places.nativeSources, name))),
  ]
}

const override = 'RUNNER_OPERATIONS'
const wishes = ['tensorflow', 'plain', 'v3', 'v4']

/** What is wrong with the wish for operations in this environment: the engine, which reads it, would take any word for its default. */
export function faultOfOperations(environment: NodeJS.ProcessEnv): Diagnostic | null {
  const received = environment[override] ?? ''
  if (received === '' || wishes.includes(received)) return null
  return unknownSetting({
    code: 'unknown-operations',
    variable: override,
    names: 'kind of operations',
    expected: wishes.join(', '),
    received,
  })
}
