/** Engines that several trials share: each has a place of its own, which the next one gets when it has failed. */
import { expect, it } from 'vitest'
import type { Engine } from '../../src/engine/engine.ts'
import { openEngines } from '../../src/sweep/engines.ts'

/** Nothing but its end is asked of it. */
function engineThatFails(isFailed: () => boolean): Engine {
  return { hasFailed: isFailed, stop: () => Promise.resolve() } as Engine
}

it('gives engines that work at a time places of their own, and one that failed its place to the next', async () => {
  const places: number[] = []
  const failed = new Set<number>()
  const engines = openEngines((place) => {
    const started = places.push(place)
    return Promise.resolve(engineThatFails(() => failed.has(started)))
  })
  const [first, second] = [await engines.lease(), await engines.lease()]
  expect(places).toEqual([0, 1])
  failed.add(1)
  await first.stop()
  await second.stop()
  await engines.lease()
  expect(places).toEqual([0, 1])
  await engines.lease()
  expect(places).toEqual([0, 1, 0])
  await engines.close()
})
