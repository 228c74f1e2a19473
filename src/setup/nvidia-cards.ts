/** The NVIDIA cards of this machine, as their driver's nvidia-smi names them. */
import { runProgram, type Finished } from './child-process.ts'
import { findOnPath } from './tools.ts'

export interface NvidiaCard {
  /** `NVIDIA H100 80GB HBM3` */
  readonly name: string
  /** `580.65.06` */
  readonly driver: string
  /** Compute capability, such as 9.0; null where the driver is too old to say. */
  readonly capability: number | null
}

/** Empty where there is no driver, or none of its cards answers. */
export async function listNvidiaCards(environment: NodeJS.ProcessEnv): Promise<readonly NvidiaCard[]> {
  const program = findOnPath('nvidia-smi', environment)
  if (program === undefined) return []
  const ask = (fields: string): Promise<Finished> =>
    runProgram(program, [`--query-gpu=${fields}`, '--format=csv,noheader'], { environment, timeoutMs: 20_000 })
  const answer = await ask('name,driver_version,compute_cap')
  // Drivers before 510 know no compute_cap, and answer nothing at all where it is asked for.
  const { exitCode, output } = answer.exitCode !== 0 && answer.output.includes('compute_cap') ? await ask('name,driver_version') : answer
  if (exitCode !== 0) return []
  return [...output.matchAll(/^(.+?), (\d+(?:\.\d+)+)(?:, (\d+\.\d+))?\s*$/gm)].map(([, name = '', driver = '', capability]) => ({
    name,
    driver,
    capability: capability === undefined ? null : Number(capability),
  }))
}

/** What CUDA_VISIBLE_DEVICES calls the cards that this process may use: the user's own list, or numbers from 0. */
export async function visibleCards(environment: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const cards = await listNvidiaCards(environment)
  const chosen = namesOf(environment)
  return cards.length === 0 ? [] : (chosen ?? cards.map((_, index) => String(index)))
}

/** None where the user lets it see none. */
export async function usableCards(environment: NodeJS.ProcessEnv): Promise<readonly NvidiaCard[]> {
  return namesOf(environment)?.length === 0 ? [] : listNvidiaCards(environment)
}

/** CUDA stops at the first name that is none. Null where the user says nothing. */
function namesOf(environment: NodeJS.ProcessEnv): readonly string[] | null {
  const chosen = environment['CUDA_VISIBLE_DEVICES']
  if (chosen === undefined) return null
  const named = chosen.split(',').map((name) => name.trim())
  const end = named.findIndex((name) => name === '' || name === '-1')
  return end === -1 ? named : named.slice(0, end)
}
