/** The separable convolutions of native/ against sums written out in double precision, on every kind of processor that this one can be. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, vi } from 'vitest'
import { projectRoot } from '../runner.ts'

const exec = promisify(execFile)
vi.setConfig({ testTimeout: 60_000 })

interface Printed {
  /** The largest difference of each result, relative to the largest value expected, or to 1. */
  readonly worst: Readonly<Record<string, number>>
  readonly hash: string
}

async function separable(environment: Readonly<Record<string, string>>): Promise<Printed[]> {
  const { stdout } = await exec(process.execPath, [join(projectRoot, 'test/kernels/separable-child.mjs')], {
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', ...environment },
    maxBuffer: 2 ** 24,
  })
  return JSON.parse(stdout) as Printed[]
}

it.each(['plain', 'v3', 'v4'])('gives values and gradients to 2e-6 on %s, or on the best there is below', async (kind) => {
  const cases = await separable({ RUNNER_OPERATIONS: kind })
  expect(cases).toHaveLength(15)
  for (const { worst } of cases) for (const [name, difference] of Object.entries(worst)) expect(difference, name).toBeLessThan(2e-6)
})

it('gives the same bits on any number of threads', async () => {
  const [one, two, five] = await Promise.all(['1', '2', '5'].map((threads) => separable({ TF_NUM_INTRAOP_THREADS: threads })))
  const hashes = one?.map(({ hash }) => hash)
  expect(two?.map(({ hash }) => hash)).toEqual(hashes)
  expect(five?.map(({ hash }) => hash)).toEqual(hashes)
  expect(new Set(hashes).size).toBe(hashes?.length)
})
