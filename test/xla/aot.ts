/** XLA's compiler for an H100 that is only described (scripts/aot): what a program would launch and move, on a machine without a card. */
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { projectRoot } from '../setup/tiny-project.ts'

const folder = join(projectRoot, '.setup/aot')

/** The Python that compiles, or null where scripts/aot/install has not run to its end for the present requirements. */
export const aotPython: string | null = isWhole() ? join(folder, 'bin/python') : null

export const skipWord = "XLA's compiler for a described card is not installed: scripts/aot/install, as .ci/run does"

/** Of a program that is one step; of the loop's body where it is a loop of steps. */
export interface AotReport {
  /** Of the compilation alone. */
  readonly seconds: number
  /** Graphs that hold the step's launches, the loop's own included. */
  readonly cudaGraphs: number
  readonly customCalls: Readonly<Record<string, number>>
  readonly cudnnCalls: number
  readonly cublasCalls: number
  /** Launches of a step other than `copies`. */
  readonly kernels: number
  /** Copies and fillings by the driver. */
  readonly copies: number
  readonly whileLoops: number
  /** How often the loop runs; null where there is none, or XLA does not know and the device is asked after every step. */
  readonly tripCount: number | null
  /** What the launches read and write, each operand and result once. */
  readonly bytesAccessed: number
  /** Of the whole program, as are the next four. */
  readonly temporaryBytes: number
  readonly argumentBytes: number
  readonly outputBytes: number
  /** Of `outputBytes`, those in memory of arguments. */
  readonly aliasedBytes: number
  readonly serializedBytes: number
}

/** Half a minute for CancerNet's training step on one core. `options` are XLA's flags by name, over those of the script. */
export async function compileForH100(text: string, options: Readonly<Record<string, string | number | boolean>> = {}): Promise<AotReport> {
  if (aotPython === null) throw new Error(skipWord)
  const temporary = await mkdtemp(join(tmpdir(), 'runner-aot-'))
  try {
    const file = join(temporary, 'program.mlir')
    await writeFile(file, text)
    const script = join(projectRoot, 'scripts/aot/compile_for_card.py')
    const flags = Object.entries(options).map(([name, value]) => `--option=${name}=${String(value)}`)
    const { stdout } = await execa(aotPython, [script, file, join(projectRoot, 'scripts/aot/h100.txt'), ...flags], {
      // XLA's dumps go into TMPDIR; they too are removed where the script is killed.
      env: { PATH: process.env['PATH'], TMPDIR: temporary },
      extendEnv: false,
      stdin: 'ignore',
      timeout: 300_000,
    })
    return JSON.parse(stdout) as AotReport
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

function isWhole(): boolean {
  const stamp = join(folder, 'installed')
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === readFileSync(join(projectRoot, 'requirements/aot.txt'), 'utf8')
}
