/** Engine processes that serve one trial after the other: TensorFlow is loaded once for each of those that work at a time. */
import type { Engine } from '../engine/engine.ts'

export interface Engines {
  /** An engine of its own until `stop` is said to it, which gives it back. */
  lease(): Promise<Engine>
  close(): Promise<void>
}

export function openEngines(start: () => Promise<Engine>): Engines {
  const idle: Engine[] = []
  const all = new Set<Engine>()
  const startOne = async (): Promise<Engine> => {
    const engine = await start()
    all.add(engine)
    return engine
  }
  return {
    async lease() {
      const engine = idle.pop() ?? (await startOne())
      let isLeased = true
      return {
        ...engine,
        stop: () => {
          if (isLeased) idle.push(engine)
          isLeased = false
          return Promise.resolve()
        },
        train: (job, onEvent) =>
          engine.train(job, onEvent).catch((error: unknown) => {
            // It may be gone, and what it holds is not to be trusted: the next trial gets a new one.
            isLeased = false
            all.delete(engine)
            void engine.stop()
            throw error
          }),
      }
    },
    async close() {
      await Promise.all([...all].map((engine) => engine.stop()))
    },
  }
}
