/** Engine processes that serve one trial after the other: TensorFlow is loaded once for each of those that work at a time. */
import type { Engine } from '../engine/engine.ts'

export interface Engines {
  /** An engine of its own until `stop` is said to it, which gives it back. */
  lease(): Promise<Engine>
  close(): Promise<void>
}

export function openEngines(start: () => Promise<Engine>): Engines {
  let idle: readonly Engine[] = []
  const all = new Set<Engine>()
  const startOne = async (): Promise<Engine> => {
    const engine = await start()
    all.add(engine)
    return engine
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
