/** Engine processes that serve one trial after the other, so that each is started once and not for every trial. */
import type { Engine } from '../engine/engine.ts'

export interface Engines {
  /** An engine of its own until `stop` is said to it, which gives it back. */
  lease(): Promise<Engine>
  close(): Promise<void>
}

/** `start` is given the smallest number that no living engine was started with: who shares cards gives each its own by it. */
export function openEngines(start: (place: number) => Promise<Engine>): Engines {
  let idle: readonly Engine[] = []
  const all = new Set<Engine>()
  const places = new Map<number, Engine | 'starting'>()
  const startOne = async (): Promise<Engine> => {
    let place = 0
    while (isTaken(places.get(place))) place += 1
    places.set(place, 'starting')
    try {
      const engine = await start(place)
      places.set(place, engine)
      all.add(engine)
      return engine
    } catch (error) {
      places.delete(place)
      throw error
    }
  }
  return {
    async lease() {
      const [first, ...others] = idle.filter((engine) => !engine.hasFailed())
      idle = others
      const engine = first ?? (await startOne())
      let isLeased = true
      return {
        ...engine,
        stop: async () => {
          if (!isLeased) return
          isLeased = false
          if (!engine.hasFailed()) idle = [...idle, engine]
          else await engine.stop()
        },
      }
    },
    async close() {
      await Promise.all([...all].map((engine) => engine.stop()))
    },
  }
}

function isTaken(engine: Engine | 'starting' | undefined): boolean {
  return engine === 'starting' || (engine !== undefined && !engine.hasFailed())
}
