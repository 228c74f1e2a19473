/** The README's own command, as a new user types it: without data, on synthetic patches. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Recorded } from '../../src/journal/events.ts'
import { makeHome, untracked, type Home, type Ran } from '../runner.ts'

let home: Home
let ran: Ran
let events: readonly Recorded[]

beforeAll(async () => {
  home = await makeHome()
  // No variable of this machine may name real patches.
  ran = await home.runner(['experiments/baseline.yaml', ...untracked, '--quiet'], { IDC_ROOT: '' })
  events = (await home.lastRun()).events
}, 600_000)
afterAll(() => home.remove())

describe('runner experiments/baseline.yaml on a fresh clone', () => {
  it('trains 40 epochs on at least 1,500 synthetic patches of at least 20 patients, with both classes on every side', () => {
    expect(ran.exitCode, ran.stderr).toBe(0)
    const sides = events.filter((event) => event.type === 'dataset')
    const counts = sides.flatMap(({ classCounts }) => Object.values(classCounts))
    expect(counts.reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(1500)
    expect(sides.reduce((sum, { groups }) => sum + groups, 0)).toBeGreaterThanOrEqual(20)
    expect(Math.min(...counts)).toBeGreaterThan(0)
    expect(events.filter(({ type }) => type === 'committed')).toHaveLength(40)
  })

  it('reaches an AUC that a good network can reach and nobody can perfect', () => {
    const auc = events.find((event) => event.type === 'evaluated')?.metrics['test/roc_auc'] ?? NaN
    expect(auc).toBeGreaterThan(0.8)
    expect(auc).toBeLessThan(0.97)
  })

  it('lets the engine take less than 2.5 GB', () => {
    const ended = events.find((event) => event.type === 'trained')
    expect(ended?.peakMemoryBytes).toBeGreaterThan(1e8)
    expect(ended?.peakMemoryBytes).toBeLessThan(2.5e9)
    expect(ended?.tensorsAfterLastEpoch).toBe(ended?.tensorsAfterFirstEpoch)
  })
})
